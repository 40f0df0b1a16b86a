package cli

import (
	"strings"

	"github.com/dindctl/dindctl/internal/redact"
)

// authorities returns the given values of --registry-ca, one for each registry, with the
// certificates in place of the file that has them. It records a problem for each file
// that cannot be read. Values that are hidden or already certificates stay as they are.
func (s *session) authorities(given []string) []string {
	var registries []string
	certificates := map[string]string{}
	for _, value := range given {
		registry, content, named := strings.Cut(value, "=")
		if named && content != redact.Hidden && !strings.Contains(content, "-----BEGIN") {
			data, err := s.readFile(content)
			if err != nil {
				s.problem("--registry-ca", value, "the file cannot be read: "+err.Error(), "")
				continue
			}
			content = string(data)
		}
		if _, again := certificates[registry]; !again {
			registries = append(registries, registry)
		}
		certificates[registry] += strings.TrimSpace(content) + "\n"
	}
	var values []string
	for _, registry := range registries {
		value := registry
		if content := strings.TrimSpace(certificates[registry]); content == redact.Hidden {
			value += "=" + content
		} else if content != "" {
			value += "=" + content + "\n"
		}
		values = append(values, value)
	}
	return values
}
