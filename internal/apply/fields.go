package apply

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

// changedFields compares what is wanted with what is there, as server-side
// apply would: every wanted field must be owned by FieldManager and have the
// wanted value, and FieldManager must own nothing that is no longer wanted. An
// empty result means that applying want would change nothing.
//
// It reads the ownership set that the server keeps in managedFields, which
// already says which lists are merged by which keys and which are atomic, so
// no schema is needed. See the format at
// https://github.com/kubernetes-sigs/structured-merge-diff/blob/master/fieldpath/serialize-pe.go
func changedFields(live, want map[string]any, managed []metav1.ManagedFieldsEntry) ([]FieldChange, error) {
	owned := map[string]any{}
	for _, entry := range managed {
		if entry.Manager != kube.FieldManager || entry.Operation != metav1.ManagedFieldsOperationApply ||
			entry.Subresource != "" || entry.FieldsV1 == nil {
			continue
		}
		if err := json.Unmarshal(entry.FieldsV1.GetRawBytes(), &owned); err != nil {
			return nil, fmt.Errorf("reading which fields dindctl owns: %w", err)
		}
	}
	var changes []FieldChange
	for _, part := range sortedKeys(want) {
		// Type and identity are how the object was found; no manager owns them.
		if part == "apiVersion" || part == "kind" {
			continue
		}
		wanted := want[part]
		if part == "metadata" {
			wanted = without(wanted, "name", "namespace")
		}
		compare(&changes, part, child(owned, "f:"+part), live[part], wanted)
	}
	return changes, nil
}

// compare walks the wanted value along the set of owned fields.
func compare(changes *[]FieldChange, path string, owned, live, want any) {
	fields, isOwned := owned.(map[string]any)
	inside := isOwned && !isLeaf(fields)
	switch want := want.(type) {
	case map[string]any:
		if inside || (!isOwned && len(want) > 0) {
			liveMap, _ := live.(map[string]any)
			for _, key := range sortedKeys(want) {
				compare(changes, path+"."+key, child(fields, "f:"+key), liveMap[key], want[key])
			}
			for _, key := range sortedKeys(fields) {
				name, isField := strings.CutPrefix(key, "f:")
				if _, wanted := want[name]; isField && !wanted {
					*changes = append(*changes, FieldChange{Path: path + "." + name, From: liveMap[name]})
				}
			}
			return
		}
	case []any:
		if inside {
			compareList(changes, path, fields, live, want)
			return
		}
	}
	if !isOwned {
		*changes = append(*changes, FieldChange{Path: path, From: live, To: want})
		return
	}
	if !same(live, want) {
		*changes = append(*changes, FieldChange{Path: path, From: live, To: want})
	}
}

// compareList compares a list whose items are owned one by one: merged by the
// keys that the set names ("k:…"), or a set of values ("v:…").
func compareList(changes *[]FieldChange, path string, fields map[string]any, live any, want []any) {
	liveItems, _ := live.([]any)
	claimed := make([]bool, len(want))
	for _, key := range sortedKeys(fields) {
		var match func(any) bool
		var label string
		switch {
		case strings.HasPrefix(key, "k:"):
			var selector map[string]any
			if json.Unmarshal([]byte(key[2:]), &selector) != nil {
				continue
			}
			match = func(item any) bool { return hasKeys(item, selector) }
			label = "[" + keyLabel(selector) + "]"
		case strings.HasPrefix(key, "v:"):
			var value any
			if json.Unmarshal([]byte(key[2:]), &value) != nil {
				continue
			}
			match = func(item any) bool { return same(item, value) }
			label = fmt.Sprintf("[%v]", value)
		default:
			continue
		}
		liveItem := find(liveItems, match)
		found := -1
		for i, item := range want {
			if match(item) {
				found = i
				claimed[i] = true
				break
			}
		}
		if found < 0 {
			*changes = append(*changes, FieldChange{Path: path + label, From: liveItem})
			continue
		}
		compare(changes, path+label, fields[key], liveItem, want[found])
	}
	for i, item := range want {
		if !claimed[i] {
			*changes = append(*changes, FieldChange{Path: fmt.Sprintf("%s[%s]", path, itemLabel(item, i)), To: item})
		}
	}
}

// isLeaf tells whether an ownership entry owns its value whole: "{}" or one
// that holds nothing but the mark of the item itself (".").
func isLeaf(fields map[string]any) bool {
	for key := range fields {
		if key != "." {
			return false
		}
	}
	return true
}

// same compares values as the API server stores them: what is empty is not
// stored at all, and numbers have one type.
func same(a, b any) bool {
	if empty(a) && empty(b) {
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

func hasKeys(item any, selector map[string]any) bool {
	fields, ok := item.(map[string]any)
	if !ok {
		return false
	}
	for key, value := range selector {
		if !same(fields[key], value) {
			return false
		}
	}
	return true
}

func find(items []any, match func(any) bool) any {
	for _, item := range items {
		if match(item) {
			return item
		}
	}
	return nil
}

func keyLabel(selector map[string]any) string {
	parts := make([]string, 0, len(selector))
	for _, key := range sortedKeys(selector) {
		parts = append(parts, fmt.Sprintf("%s=%v", key, selector[key]))
	}
	return strings.Join(parts, ",")
}

func itemLabel(item any, index int) string {
	if fields, ok := item.(map[string]any); ok && fields["name"] != nil {
		return fmt.Sprintf("name=%v", fields["name"])
	}
	return fmt.Sprint(index)
}

// child looks up a key, keeping "not owned" (nil) apart from "owned whole" ({}).
func child(v any, key string) any {
	fields, _ := v.(map[string]any)
	if value, ok := fields[key]; ok {
		return value
	}
	return nil
}

func without(v any, keys ...string) any {
	fields, ok := v.(map[string]any)
	if !ok {
		return v
	}
	rest := make(map[string]any, len(fields))
	for key, value := range fields {
		rest[key] = value
	}
	for _, key := range keys {
		delete(rest, key)
	}
	return rest
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
