package cli

import (
	"strings"

	"sigs.k8s.io/yaml"
)

// affinity returns the value of --affinity as JSON: of a file, or the value itself if it
// is JSON, as `dindctl options` prints it. It records a problem for a file that cannot be
// read.
func (s *session) affinity(given string) string {
	if given == "" || strings.HasPrefix(given, "{") {
		return given
	}
	data, err := s.readFile(given)
	if err == nil {
		data, err = yaml.YAMLToJSONStrict(data)
	}
	if err != nil {
		s.problem("--affinity", given, "the file cannot be read: "+err.Error(), "")
		return ""
	}
	return string(data)
}
