package apply

import (
	"regexp"
	"strings"

	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/redact"
)

// hidden replaces a value that may be a secret. No plan, log or document shows
// such a value, only that it changes.
const hidden = redact.Hidden

// withoutSecrets hides values that may be secrets, by their paths: the values of
// environment variables, flags and commands, the contents of ConfigMaps and
// Secrets, and annotations of others. It keeps the names, and whether there was a
// value.
func withoutSecrets(changes []FieldChange) []FieldChange {
	for i, change := range changes {
		changes[i].From = hide(change.Path, change.From)
		changes[i].To = hide(change.Path, change.To)
	}
	return changes
}

func hide(path string, value any) any {
	switch value := value.(type) {
	case nil:
		return nil
	case map[string]any:
		copied := make(map[string]any, len(value))
		for key, item := range value {
			copied[key] = hide(path+"."+key, item)
		}
		return copied
	case []any:
		copied := make([]any, len(value))
		for i, item := range value {
			copied[i] = hide(path, item)
		}
		return copied
	case string:
		return hideText(path, value)
	}
	return value
}

func hideText(path, value string) any {
	switch {
	case under(path, "args"):
		// The names of flags are no secrets.
		name, _, joined := strings.Cut(value, "=")
		switch {
		case !flagPattern.MatchString(name):
			return hidden
		case joined:
			return name + "=" + hidden
		}
		return name
	case under(path, "command"), confidential(path):
		return hidden
	case under(path, "value") && (strings.Contains(path, ".env[") || strings.Contains(path, ".env.") || strings.Contains(path, ".httpHeaders.")):
		return hidden
	case strings.Contains(path, ".annotations.") && !strings.Contains(path, ".annotations."+kube.FieldManager+"/"):
		return hidden
	}
	return redact.URLs(value)
}

var flagPattern = regexp.MustCompile(`^--[a-z0-9-]+$`)

// under reports whether the last part of the path is the key.
func under(path, key string) bool { return strings.HasSuffix(path, "."+key) }

// confidential reports whether the path is in the contents of a ConfigMap or Secret.
func confidential(path string) bool {
	part, _, _ := strings.Cut(path, ".")
	switch part {
	case "data", "stringData", "binaryData":
		return true
	}
	return false
}
