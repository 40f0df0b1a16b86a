package lifecycle

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/dindctl/dindctl/internal/cluster"
	"github.com/dindctl/dindctl/internal/progress"
)

// changeDeleted is the one change that is not cluster.Apply's.
const changeDeleted = "deleted"

// ObjectChange is what was done to one object, or would be.
type ObjectChange struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Namespace is set for what is in another one than the installation.
	Namespace string `json:"namespace,omitempty"`
	Change    string `json:"change"` // created, configured, adopted, unchanged or deleted
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

// changes gives outcomes of applying in the terms of results.
func (i Instance) changes(applied []cluster.Applied) []ObjectChange {
	changes := make([]ObjectChange, len(applied))
	for n, a := range applied {
		changes[n] = NewObjectChange(a)
		changes[n].Namespace = i.elsewhere(a.Ref)
	}
	return changes
}

// elsewhere is the object's namespace where it is not the installation's.
func (i Instance) elsewhere(ref cluster.Ref) string {
	if ref.Namespace == i.Cluster.Namespace {
		return ""
	}
	return ref.Namespace
}

// add adds what was done. Of what is there from an earlier try and is as it
// should be now, the earlier change counts.
func (o *Installation) add(changes []ObjectChange) {
	for _, change := range changes {
		earlier := slices.IndexFunc(o.Objects, func(c ObjectChange) bool {
			return c.Kind == change.Kind && c.Name == change.Name && c.Namespace == change.Namespace
		})
		switch {
		case earlier < 0:
			o.Objects = append(o.Objects, change)
		case change.Change != string(cluster.Unchanged):
			o.Objects[earlier] = change
		}
	}
}

// Ref is how kubectl names the object, with the namespace of one elsewhere.
func (c ObjectChange) Ref() string {
	ref := strings.ToLower(c.Kind) + "/" + c.Name
	if c.Namespace != "" {
		ref += " in namespace " + c.Namespace
	}
	return ref
}

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
	change := i.changes([]cluster.Applied{a})[0]
	update(change.Ref() + " " + change.Change)
	for _, field := range change.Fields {
		line := change.Ref() + " " + field.String()
		// That certificates are new has been told, with the reason.
		if a.Change == cluster.Configured && a.Ref.Kind != "Secret" {
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
