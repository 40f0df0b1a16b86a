package cli

import (
	"encoding/json"
	"fmt"
	"io"

	"sigs.k8s.io/yaml"
)

// format is how results are printed.
type format string

const (
	formatText format = "text"
	formatJSON format = "json"
	formatYAML format = "yaml"
)

// print writes a result in the session's format; text draws it otherwise.
func (s *session) print(result any, text func(io.Writer) error) error {
	if s.output == formatText {
		return text(s.streams.Out)
	}
	return document(s.streams.Out, s.output, result)
}

// document writes one JSON or YAML document.
func document(out io.Writer, as format, result any) error {
	encoded, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the result: %w", err)
	}
	encoded = append(encoded, '\n')
	if as == formatYAML {
		if encoded, err = yaml.JSONToYAML(encoded); err != nil {
			return fmt.Errorf("encoding the result: %w", err)
		}
	}
	_, err = out.Write(encoded)
	return err
}
