package apply

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/dindctl/dindctl/internal/kube"
)

// kept returns the fields of the specification that another manager than dindctl and
// Kubernetes itself set, and that are not wanted: "spec.template.spec.nodeName, set by
// kubectl-edit". Applying does not change them. Entries of lists are those of unmanaged,
// and the labels and annotations of a pod template are not listed.
func kept(live, want map[string]any, managed []metav1.ManagedFieldsEntry) ([]string, error) {
	var found []string
	for _, entry := range managed {
		if entry.Manager == kube.FieldManager || controller(entry.Manager) || entry.Subresource != "" || entry.FieldsV1 == nil {
			continue
		}
		set := &fieldpath.Set{}
		if err := set.FromJSON(bytes.NewReader(entry.FieldsV1.GetRawBytes())); err != nil {
			return nil, fmt.Errorf("reading which fields %s owns: %w", entry.Manager, err)
		}
		foreign := foreignFields("spec", set.WithPrefix(fieldpath.FieldNameElement("spec")), fieldsOf(live["spec"]), fieldsOf(want["spec"]))
		for _, path := range foreign {
			if line := path + ", set by " + entry.Manager; !slices.Contains(found, line) {
				found = append(found, line)
			}
		}
	}
	slices.Sort(found)
	return found, nil
}

// foreignFields returns the paths of the owned fields that are not wanted.
func foreignFields(path string, owned *fieldpath.Set, live, want map[string]any) (paths []string) {
	for element := range elements(owned) {
		name := element.FieldName
		if name == nil || *name == "metadata" || empty(live[*name]) {
			continue // nobody has a value for it: it is as if it were not set
		}
		here := strings.TrimPrefix(path+label(element), ".")
		switch inside := fieldsOf(want[*name]); {
		case want[*name] == nil:
			paths = append(paths, here)
		case inside != nil:
			paths = append(paths, foreignFields(here, owned.WithPrefix(element), fieldsOf(live[*name]), inside)...)
		}
	}
	return paths
}
