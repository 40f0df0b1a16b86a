package cluster

import "strings"

// hidden stands for the value of an environment variable. It may be a password:
// no plan, no log and no document ever shows one, whatever its name.
const hidden = "(not shown)"

// withoutSecrets takes the values of environment variables out of changes. The
// names, and whether a value was there, stay.
func withoutSecrets(changes []FieldChange) []FieldChange {
	for i, change := range changes {
		changes[i].From = hide(change.Path, change.From)
		changes[i].To = hide(change.Path, change.To)
	}
	return changes
}

func hide(path string, value any) any {
	if value == nil {
		return nil
	}
	if _, inEnv, is := strings.Cut(path, ".env["); is {
		if strings.HasSuffix(inEnv, "].value") {
			return hidden
		}
	}
	switch value := value.(type) {
	case map[string]any:
		copied := make(map[string]any, len(value))
		inEnv := strings.Contains(path, ".env[") || strings.HasSuffix(path, ".env")
		for key, item := range value {
			if inEnv && key == "value" {
				item = hidden
			}
			copied[key] = hide(path+"."+key, item)
		}
		return copied
	case []any:
		copied := make([]any, len(value))
		for i, item := range value {
			copied[i] = hide(path, item)
		}
		return copied
	}
	return value
}
