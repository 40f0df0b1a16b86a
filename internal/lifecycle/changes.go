package lifecycle

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dindctl/dindctl/internal/apply"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/progress"
)

// changeDeleted is the one change that apply.Change does not have.
const changeDeleted = "deleted"

// ObjectChange is what was done to one object, or would be.
type ObjectChange struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Namespace is set for objects in another namespace than the installation's.
	Namespace string `json:"namespace,omitempty"`
	Change    string `json:"change"` // created, configured, adopted, unchanged or deleted
	// Fields are those that changed, for configured and adopted.
	Fields []apply.FieldChange `json:"fields,omitempty"`
	// Unmanaged are entries of lists that others added: dindctl does not change
	// them.
	Unmanaged []string `json:"unmanaged,omitempty"`
	// Kept are other fields that others set, with their manager: dindctl does not
	// change them either.
	Kept []string `json:"kept,omitempty"`
}

// NewObjectChange returns an outcome of applying in the form of results.
func NewObjectChange(a apply.Applied) ObjectChange {
	return ObjectChange{Kind: a.Ref.Kind, Name: a.Ref.Name, Change: string(a.Change), Fields: a.Fields, Unmanaged: a.Unmanaged, Kept: a.Kept}
}

// changes returns outcomes of applying in the form of results.
func (i Instance) changes(applied []apply.Applied) []ObjectChange {
	changes := make([]ObjectChange, len(applied))
	for n, a := range applied {
		changes[n] = NewObjectChange(a)
		changes[n].Namespace = i.elsewhere(a.Ref)
	}
	return changes
}

// deletions returns deleted objects in the form of results.
func (i Instance) deletions(refs []kube.Ref) []ObjectChange {
	var changes []ObjectChange
	for _, ref := range refs {
		changes = append(changes, ObjectChange{Kind: ref.Kind, Name: ref.Name, Namespace: i.elsewhere(ref), Change: changeDeleted})
	}
	return changes
}

// add adds changes. For an object that an earlier try changed and that is
// unchanged now, the earlier change counts.
func (o *Installation) add(changes []ObjectChange) {
	for _, change := range changes {
		earlier := slices.IndexFunc(o.Objects, func(c ObjectChange) bool {
			return c.Kind == change.Kind && c.Name == change.Name && c.Namespace == change.Namespace
		})
		switch {
		case earlier < 0:
			o.Objects = append(o.Objects, change)
		case change.Change != string(apply.Unchanged):
			o.Objects[earlier] = change
		}
	}
}

// Ref is how kubectl names the object, with the namespace of one elsewhere.
func (c ObjectChange) Ref() string {
	ref := kube.Ref{Kind: c.Kind, Name: c.Name}.String()
	if c.Namespace != "" {
		ref += " in namespace " + c.Namespace
	}
	return ref
}

// ManyFields reports whether the fields are too many to list them all on a terminal.
func ManyFields(fields []apply.FieldChange) bool { return len(fields) > 5 }

// optionsPath is the field that repeats what the options have changed elsewhere.
const optionsPath = "metadata.annotations." + dind.OptionsAnnotation

// reportApplied reports what was done to an object. Each field that changed is a line,
// unless they are many: those are updates, which -v shows. Of an adopted object, most
// fields differ.
func (i Instance) reportApplied(a apply.Applied, update func(string)) {
	change := i.changes([]apply.Applied{a})[0]
	update(change.Ref() + " " + change.Change)
	// New certificates have been reported with the reason.
	listed := a.Change == apply.Configured && a.Ref.Kind != "Secret"
	if listed && ManyFields(change.Fields) {
		progress.Inform(i.Observer, fmt.Sprintf("%s changed (%d fields)", change.Ref(), len(change.Fields)))
		listed = false
	}
	for _, field := range change.Fields {
		line := change.Ref() + " " + field.String()
		if listed && field.Path != optionsPath {
			progress.Inform(i.Observer, line)
		} else {
			update(line)
		}
	}
	i.warnOfUnmanaged(a)
}

func (i Instance) warnOfUnmanaged(a apply.Applied) {
	for _, entry := range a.Unmanaged {
		progress.Warn(i.Observer, fmt.Sprintf("%s has %s, which dindctl did not add and does not remove (`kubectl edit %s -n %s` removes it)",
			a.Ref, entry, a.Ref, i.Cluster.Namespace))
	}
	for _, field := range a.Kept {
		progress.Warn(i.Observer, fmt.Sprintf("%s kept: %s", a.Ref, field))
	}
}

// summary counts the changes: "6 created", "1 configured, 5 unchanged".
func summary(changes []ObjectChange) string {
	counts := map[string]int{}
	for _, change := range changes {
		counts[change.Change]++
	}
	var parts []string
	for _, change := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[change], change))
	}
	return strings.Join(parts, ", ")
}
