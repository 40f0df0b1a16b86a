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
// environment variables and flags, the contents of ConfigMaps and Secrets, annotations
// of others, and commands of objects that dindctl does not manage. It keeps the names,
// and whether there was a value.
func withoutSecrets(changes []FieldChange, before, after map[string]any) []FieldChange {
	for i, change := range changes {
		changes[i].From = hide(change.Path, change.From, managed(before))
		changes[i].To = hide(change.Path, change.To, managed(after))
	}
	return changes
}

// managed reports whether an object has dindctl's label.
func managed(object map[string]any) bool {
	return fieldsOf(fieldsOf(object["metadata"])["labels"])[kube.ManagedByLabel] == kube.ManagedByValue
}

func hide(path string, value any, managed bool) any {
	switch value := value.(type) {
	case nil:
		return nil
	case map[string]any:
		copied := make(map[string]any, len(value))
		for key, item := range value {
			copied[key] = hide(path+"."+key, item, managed)
		}
		return copied
	case []any:
		copied := make([]any, len(value))
		for i, item := range value {
			copied[i] = hide(path, item, managed)
		}
		return copied
	case string:
		if hidesAll(path, managed) {
			return hidden
		}
		if under(path, "args") {
			value = redact.Flag(value)
		}
		return redact.URLs(value)
	}
	return value
}

// hidesAll reports whether any text at the path may be a secret.
func hidesAll(path string, managed bool) bool {
	switch {
	case confidential(path):
		return true
	case under(path, "command"):
		return !managed
	case under(path, "value"):
		if name := variablePattern.FindStringSubmatch(path); name != nil {
			return !redact.PublicVariable(name[1])
		}
		return strings.Contains(path, ".env.") || strings.Contains(path, ".httpHeaders.")
	}
	return strings.Contains(path, ".annotations.") && !strings.Contains(path, ".annotations."+kube.FieldManager+"/")
}

// variablePattern matches the path of a variable's value.
var variablePattern = regexp.MustCompile(`\.env\[name=([^\]]*)\]\.value$`)

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
