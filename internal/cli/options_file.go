package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/urfave/cli/v2"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/dindctl/dindctl/internal/dind"
)

// optionsFile is the option that names a file of options.
const optionsFile = "options-file"

// maxOptionsFile is the largest file of options, in bytes.
const maxOptionsFile = 1 << 20

// readOptionsFile reads the file of options, if the command accepts one. It records
// everything that is wrong with it.
func (s *session) readOptionsFile(flags []cli.Flag) {
	path := s.text(optionsFile, "")
	if path == "" || flagNamed(flags, optionsFile) == nil {
		return
	}
	data, err := s.readFile(path)
	if err != nil {
		s.problem(dashed(optionsFile), path, "cannot be read: "+err.Error(), "")
		return
	}
	var problems problemList
	s.file, problems = parseOptions(data)
	s.problems = append(s.problems, problems.problems...)
}

func (s *session) readFile(path string) ([]byte, error) {
	in := s.streams.In
	if path != "-" {
		file, err := os.Open(path)
		var failed *fs.PathError
		if errors.As(err, &failed) {
			err = failed.Err // the path is shown already
		}
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	data, err := io.ReadAll(io.LimitReader(in, maxOptionsFile+1))
	if err == nil && len(data) > maxOptionsFile {
		err = fmt.Errorf("it has more than %d bytes", maxOptionsFile)
	}
	return data, err
}

// parseOptions returns the options in a YAML document by name, as values has them: each
// a string, a list of strings or a bool.
func parseOptions(data []byte) (map[string]any, problemList) {
	var problems problemList
	wrong := func(name, reason, hint string) { problems.problem(dashed(optionsFile), name, reason, hint) }
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	document, err := documents.Read()
	if err != nil && !errors.Is(err, io.EOF) {
		wrong("", "is not YAML: "+err.Error(), "")
		return nil, problems
	}
	if _, err := documents.Read(); err == nil {
		wrong("", "has more than one document", "Use a file for each installation.")
		return nil, problems
	}
	encoded, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		wrong("", "is not YAML: "+err.Error(), "")
		return nil, problems
	}
	var content any
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber() // 1400 stays 1400
	if err := decoder.Decode(&content); err != nil {
		wrong("", "is not YAML: "+err.Error(), "")
		return nil, problems
	}
	given, isMap := content.(map[string]any)
	if !isMap && content != nil {
		wrong("", "is not a map of options", "For example, storage-size: 200Gi.")
	}
	table := map[string]dind.Option{}
	for _, row := range dind.Table() {
		table[row.Name] = row
	}
	values := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		row, known := table[name]
		if !known {
			wrong(name, "is not an option of the installation", didYouMean(nearest(slices.Collect(maps.Keys(table)), name)))
			continue
		}
		value, expected := optionValue(row, given[name])
		if expected != "" {
			wrong(name, "must be "+expected, "")
			continue
		}
		values[name] = value
	}
	return values, problems
}

func didYouMean(name string) string {
	if name == "" {
		return "`dindctl manifests --help` lists the options."
	}
	return "Did you mean " + name + "?"
}

// optionValue returns a value in the type of the option, or what it must be.
func optionValue(row dind.Option, value any) (_ any, expected string) {
	scalar, isScalar := scalarText(value)
	switch row.Field(&dind.Options{}).(type) {
	case *bool:
		if on, is := value.(bool); is {
			return on, ""
		}
		if on, valid := switchValue(row.Name, scalar); valid {
			return on, ""
		}
		return nil, "true or false"
	case *[]string:
		if isScalar {
			return []string{scalar}, ""
		}
		items, isList := value.([]any)
		list := make([]string, len(items))
		for i, item := range items {
			if list[i], isScalar = scalarText(item); !isScalar {
				return nil, "a list of texts; put quotes around each"
			}
		}
		if !isList {
			return nil, "a list of texts"
		}
		return list, ""
	}
	if !isScalar {
		return nil, "a text or a number; put quotes around other values"
	}
	return scalar, ""
}

// scalarText returns a text or a number as it is on the command line.
func scalarText(value any) (string, bool) {
	switch value := value.(type) {
	case string:
		return value, true
	case json.Number:
		return value.String(), true
	}
	return "", false
}
