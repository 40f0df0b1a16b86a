package lifecycle

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/dindctl/dindctl/internal/cluster"
	"github.com/dindctl/dindctl/internal/progress"
)

// changeDeleted is the one change that is not cluster.Apply's.
const changeDeleted = "deleted"

// ObjectChange is what was done to one object, or would be.
type ObjectChange struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Change string `json:"change"` // created, configured, adopted, unchanged or deleted
	// Fields are what is different afterwards, for configured and adopted.
	Fields []FieldChange `json:"fields,omitempty"`
	// Foreign are entries of lists that somebody added by hand: dindctl leaves
	// them alone.
	Foreign []string `json:"foreign,omitempty"`
}

// FieldChange is one field before and after; nil is absent. The values of
// environment variables are left out.
type FieldChange struct {
	Path string `json:"path"`
	From any    `json:"from"`
	To   any    `json:"to"`
}

// NewObjectChange gives an outcome of applying in the terms of results.
func NewObjectChange(a cluster.Applied) ObjectChange {
	change := ObjectChange{Kind: a.Ref.Kind, Name: a.Ref.Name, Change: string(a.Change), Foreign: a.Strays}
	for _, field := range a.Fields {
		change.Fields = append(change.Fields, FieldChange(field))
	}
	return change
}

// Ref is how kubectl names the object.
func (c ObjectChange) Ref() string { return strings.ToLower(c.Kind) + "/" + c.Name }

// widest is how much of a value is shown in a line.
const widest = 100

// String is a line of a plan: "spec.replicas: 3 → 1".
func (f FieldChange) String() string {
	from, to := shown(f.From), shown(f.To)
	switch {
	case f.From == nil:
		return fmt.Sprintf("%s: added %s", f.Path, to)
	case f.To == nil:
		return fmt.Sprintf("%s: removed %s", f.Path, from)
	case from == to:
		// Of values that are not shown, or whose difference is further on.
		return f.Path + ": changed"
	}
	return fmt.Sprintf("%s: %s → %s", f.Path, from, to)
}

// shown is a value in one line, a text as it is, all else as JSON.
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

// tell names what was done to an object. Each field of drift that was repaired
// is worth a line of its own; of an adopted object, where most fields differ,
// and of what somebody else added there is one.
func (i Instance) tell(a cluster.Applied, update func(string)) {
	update(a.Ref.String() + " " + string(a.Change))
	for _, field := range NewObjectChange(a).Fields {
		line := a.Ref.String() + " " + field.String()
		if a.Change == cluster.Configured {
			progress.Inform(i.Observer, line)
		} else {
			update(line)
		}
	}
	i.warnOfStrays(a)
}

func (i Instance) warnOfStrays(a cluster.Applied) {
	for _, stray := range a.Strays {
		progress.Warn(i.Observer, fmt.Sprintf("%s has %s, which dindctl did not put there; it stays (`kubectl edit %s -n %s` removes it)",
			a.Ref, stray, a.Ref, i.Cluster.Namespace))
	}
}
