package apply

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// changedFields compares what is wanted with what is there, as server-side
// apply would: FieldManager must own every wanted field, with the wanted value,
// and no other field. An empty result means that applying want would change
// nothing.
//
// It reads the set of owned fields that the server keeps in managedFields. The
// set already says which lists are merged by which keys and which are atomic, so
// no schema is needed.
func changedFields(live, want map[string]any, managed []metav1.ManagedFieldsEntry) ([]FieldChange, error) {
	owned := &fieldpath.Set{}
	for _, entry := range managed {
		if !isOurs(entry) || entry.FieldsV1 == nil {
			continue
		}
		if err := owned.FromJSON(bytes.NewReader(entry.FieldsV1.GetRawBytes())); err != nil {
			return nil, fmt.Errorf("reading which fields dindctl owns: %w", err)
		}
	}
	// No manager owns the type and the identity.
	wanted := without(want, "apiVersion", "kind")
	wanted["metadata"] = without(fieldsOf(want["metadata"]), "name", "namespace")
	var changes []FieldChange
	compareFields(&changes, "", owned, live, wanted)
	return changes, nil
}

// compareFields compares a map, or a list whose items are owned one by one: items
// that have keys, or a set of values.
func compareFields(changes *[]FieldChange, path string, owned *fieldpath.Set, live, want any) {
	add := func(label string, from, to any) {
		*changes = append(*changes, FieldChange{Path: strings.TrimPrefix(path+label, "."), From: from, To: to})
	}
	switch want := want.(type) {
	case map[string]any:
		liveFields := fieldsOf(live)
		for _, name := range slices.Sorted(maps.Keys(want)) {
			compareField(changes, path, owned, fieldpath.FieldNameElement(name), liveFields[name], want[name])
		}
		for element := range elements(owned) {
			if name := element.FieldName; name != nil && want[*name] == nil {
				add(label(element), liveFields[*name], nil)
			}
		}
	case []any:
		liveItems, _ := live.([]any)
		claimed := make([]bool, len(want))
		for element := range elements(owned) {
			liveItem := find(liveItems, selectedBy(element))
			i := slices.IndexFunc(want, selectedBy(element))
			if i < 0 {
				add(label(element), liveItem, nil)
				continue
			}
			claimed[i] = true
			compareField(changes, path, owned, element, liveItem, want[i])
		}
		for i, item := range want {
			if !claimed[i] {
				add("["+itemLabel(item, i)+"]", nil, item)
			}
		}
	default:
		add("", live, want)
	}
}

// compareField compares a field of a map, or an item of a list: part by part, or
// as a whole if it is owned as a whole.
func compareField(changes *[]FieldChange, path string, owned *fieldpath.Set, element fieldpath.PathElement, live, want any) {
	path = strings.TrimPrefix(path+label(element), ".")
	inside, hasInside := owned.Children.Get(element)
	whole := owned.Members.Has(element)
	switch {
	case zero(live) && zero(want):
		// The API server stores no zero value: there is nothing to change or to own.
	case hasInside, !whole && len(fieldsOf(want)) > 0:
		compareFields(changes, path, cmp.Or(inside, &fieldpath.Set{}), live, want)
	case !whole || !same(live, want):
		*changes = append(*changes, FieldChange{Path: path, From: live, To: want})
	}
}

// elements yields the top level of a set of fields.
func elements(set *fieldpath.Set) iter.Seq[fieldpath.PathElement] {
	return func(yield func(fieldpath.PathElement) bool) {
		for element := range set.Members.All() {
			if !yield(element) {
				return
			}
		}
		for element := range set.Children.All() {
			if !set.Members.Has(element) && !yield(element) {
				return
			}
		}
	}
}

// label returns an element in kubectl's notation: ".image", "[name=docker]".
func label(element fieldpath.PathElement) string {
	if element.FieldName != nil {
		return "." + *element.FieldName
	}
	return strings.NewReplacer(`"`, "", "[=", "[").Replace(element.String())
}

// selectedBy returns a test for the items of a list.
func selectedBy(element fieldpath.PathElement) func(item any) bool {
	return func(item any) bool {
		switch {
		case element.Value != nil:
			return same(item, (*element.Value).Unstructured())
		case element.Key != nil:
			return !slices.ContainsFunc(*element.Key, func(key value.Field) bool {
				return !same(fieldsOf(item)[key.Name], key.Value.Unstructured())
			})
		}
		return false
	}
}

// same compares values as the API server stores them: it does not store empty
// values, and numbers have one type.
func same(a, b any) bool {
	if empty(a) && empty(b) || reflect.DeepEqual(a, b) {
		return true
	}
	left, errLeft := json.Marshal(a)
	right, errRight := json.Marshal(b)
	return errLeft == nil && errRight == nil && bytes.Equal(left, right)
}

func empty(v any) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	if r.Kind() == reflect.Map || r.Kind() == reflect.Slice {
		return r.Len() == 0
	}
	return r.IsZero()
}

// zero reports whether a field is absent, or has the zero value of a single value.
func zero(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return false
	}
	return empty(v)
}

func find(items []any, match func(any) bool) any {
	for _, item := range items {
		if match(item) {
			return item
		}
	}
	return nil
}

func itemLabel(item any, index int) string {
	if fields, ok := item.(map[string]any); ok && fields["name"] != nil {
		return fmt.Sprintf("name=%v", fields["name"])
	}
	return fmt.Sprint(index)
}

// fieldsOf returns the fields of a value that is a map, nil for any other.
func fieldsOf(v any) map[string]any {
	fields, _ := v.(map[string]any)
	return fields
}

func without(fields map[string]any, keys ...string) map[string]any {
	rest := maps.Clone(fields)
	maps.DeleteFunc(rest, func(key string, _ any) bool { return slices.Contains(keys, key) })
	return rest
}
