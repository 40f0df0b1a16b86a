package apply

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

// changedBetween lists the fields in which two states of an object differ, except
// those that the server and the controllers set: status, versions, ownership.
func changedBetween(before, after metav1.Object) ([]FieldChange, error) {
	old, err := kube.Fields(before)
	if err != nil {
		return nil, err
	}
	fresh, err := kube.Fields(after)
	if err != nil {
		return nil, err
	}
	return differences(old, fresh), nil
}

func differences(before, after map[string]any) []FieldChange {
	var changes []FieldChange
	for _, part := range slices.Sorted(maps.Keys(merged(before, after))) {
		switch part {
		case "apiVersion", "kind", "status":
		case "metadata":
			for _, key := range []string{"annotations", "labels"} {
				differ(&changes, "metadata."+key, fieldsOf(before[part])[key], fieldsOf(after[part])[key])
			}
		default:
			differ(&changes, part, before[part], after[part])
		}
	}
	return withoutSecrets(changes, before, after)
}

func differ(changes *[]FieldChange, path string, before, after any) {
	if same(before, after) {
		return
	}
	oldMap, isMap := before.(map[string]any)
	newMap, areMaps := after.(map[string]any)
	// Labels and annotations get a line each, even if all of them are new.
	if isMap && areMaps || strings.HasPrefix(path, "metadata.") && (isMap || areMaps) {
		for _, key := range slices.Sorted(maps.Keys(merged(oldMap, newMap))) {
			if bookkeeping(path, key) {
				continue
			}
			differ(changes, path+"."+key, oldMap[key], newMap[key])
		}
		return
	}
	oldList, isList := before.([]any)
	newList, areLists := after.([]any)
	if keys := mergeKeys(path, oldList, newList); keys != nil && (isList || areLists) {
		for _, item := range oldList {
			label := itemPath(path, item, keys)
			differ(changes, label, item, find(newList, sameItem(item, keys)))
		}
		for _, item := range newList {
			if find(oldList, sameItem(item, keys)) == nil {
				differ(changes, itemPath(path, item, keys), nil, item)
			}
		}
		return
	}
	*changes = append(*changes, FieldChange{Path: path, From: before, To: after})
}

// bookkeeping reports whether a field is one of the annotations that tools set:
// one repeats the whole object, the other counts its changes.
func bookkeeping(path, key string) bool {
	return path == "metadata.annotations" && (key == lastApplied || key == "deployment.kubernetes.io/revision")
}

// mergeKeys returns the keys that identify the items of a list, nil for lists that
// are one value. See the listMapKey markers in
// https://github.com/kubernetes/api/blob/master/core/v1/types.go
func mergeKeys(path string, lists ...[]any) []string {
	switch path[strings.LastIndex(path, ".")+1:] {
	case "containers", "initContainers", "volumes", "env", "imagePullSecrets":
		return []string{"name"}
	case "volumeMounts":
		return []string{"mountPath"}
	case "volumeDevices":
		return []string{"devicePath"}
	case "ports":
		for _, list := range lists {
			for _, item := range list {
				switch {
				case fieldsOf(item)["containerPort"] != nil:
					return []string{"containerPort", "protocol"}
				case strings.HasPrefix(path, "spec.ports"): // a Service's
					return []string{"port", "protocol"}
				}
			}
		}
	}
	return nil
}

// keyOf returns the value of an item's key, or the API's default for it.
func keyOf(item any, key string) any {
	value := fieldsOf(item)[key]
	if key == "protocol" && empty(value) {
		return "TCP"
	}
	return value
}

func sameItem(item any, keys []string) func(any) bool {
	return func(other any) bool {
		return !slices.ContainsFunc(keys, func(key string) bool { return !same(keyOf(item, key), keyOf(other, key)) })
	}
}

func itemPath(path string, item any, keys []string) string {
	parts := make([]string, len(keys))
	for i, key := range keys {
		parts[i] = fmt.Sprintf("%s=%v", key, keyOf(item, key))
	}
	return path + "[" + strings.Join(parts, ",") + "]"
}

func merged(a, b map[string]any) map[string]any {
	all := map[string]any{}
	maps.Copy(all, a)
	maps.Copy(all, b)
	return all
}

// unmanaged lists the containers, volumes, variables, ports and mounts of an object
// that are not wanted: others added them, and applying does not change them.
func unmanaged(live, want map[string]any) []string {
	var found []string
	collect(&found, "spec", live["spec"], want["spec"])
	return found
}

func collect(found *[]string, path string, live, want any) {
	liveMap := fieldsOf(live)
	wantMap, wanted := want.(map[string]any)
	if !wanted {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(liveMap)) {
		here := path + "." + key
		liveList, isList := liveMap[key].([]any)
		wantList, _ := wantMap[key].([]any)
		keys := mergeKeys(here, liveList, wantList)
		if !isList || keys == nil {
			collect(found, here, liveMap[key], wantMap[key])
			continue
		}
		for _, item := range liveList {
			label := itemPath(here, item, keys)
			if ours := find(wantList, sameItem(item, keys)); ours != nil {
				collect(found, label, item, ours)
			} else {
				*found = append(*found, label)
			}
		}
	}
}
