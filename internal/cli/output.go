package cli

import (
	"encoding/json"
	"fmt"
	"io"

	"sigs.k8s.io/yaml"
)

// format is an output format of results.
type format string

const (
	formatText format = "text"
	formatJSON format = "json"
	formatYAML format = "yaml"
)

// print writes a result to stdout in the format of --output. text writes it
// as text.
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
	return writeAll(out, encoded)
}

func writeAll(out io.Writer, data []byte) error {
	_, err := out.Write(data)
	return err
}
