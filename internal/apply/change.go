package apply

import (
	"encoding/json"
	"fmt"
	"strings"
)

// FieldChange is one field that applying changes, or would change.
type FieldChange struct {
	Path string `json:"path"` // kubectl's notation: spec.template.spec.containers[name=docker-dind].image
	From any    `json:"from"` // nil if the field is absent, or owned by others
	To   any    `json:"to"`   // nil if the field is removed
}

// widest is the maximum length, in characters, of a value shown in a line.
const widest = 100

// String returns a line of a plan: "spec.replicas: 3 → 1".
func (f FieldChange) String() string {
	from, to := shown(f.From), shown(f.To)
	switch {
	case f.From == nil:
		return fmt.Sprintf("%s: added %s", f.Path, to)
	case f.To == nil:
		return fmt.Sprintf("%s: removed %s", f.Path, from)
	case from == to:
		// The values are hidden, or they differ only after the cut.
		return f.Path + ": changed"
	}
	return fmt.Sprintf("%s: %s → %s", f.Path, from, to)
}

// shown returns a value in one line: a string as it is, any other value as JSON.
func shown(value any) string {
	text, is := value.(string)
	if !is || text == "" {
		encoded, err := json.Marshal(value)
		if err != nil {
			return fmt.Sprint(value)
		}
		text = string(encoded)
	}
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > widest {
		return string(runes[:widest]) + "…"
	}
	return text
}
