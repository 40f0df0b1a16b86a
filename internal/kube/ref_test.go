package kube

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestInstanceOf(t *testing.T) {
	for _, test := range []struct {
		name     string
		labels   map[string]string
		managed  bool
		instance string
	}{
		{"no labels", nil, false, ""},
		{"of another tool", map[string]string{ManagedByLabel: "Helm", InstanceLabel: "d"}, false, ""},
		{"of an older version", map[string]string{ManagedByLabel: ManagedByValue, InstanceLabel: "d"}, true, "d"},
		{"shared by installations", map[string]string{ManagedByLabel: ManagedByValue}, true, ""},
		{"with dindctl's own label", map[string]string{ManagedByLabel: ManagedByValue, InstanceLabel: "d", OwnInstanceLabel: "d"}, true, "d"},
		{"rewritten by Argo CD", map[string]string{ManagedByLabel: ManagedByValue, InstanceLabel: "application", OwnInstanceLabel: "d"}, true, "d"},
		{"rewritten by Helm", map[string]string{ManagedByLabel: "Helm", InstanceLabel: "release", OwnInstanceLabel: "d"}, true, "d"},
	} {
		t.Run(test.name, func(t *testing.T) {
			object := &metav1.ObjectMeta{Labels: test.labels}
			if managed, instance := IsManaged(object), InstanceOf(object); managed != test.managed || instance != test.instance {
				t.Errorf("got %v, %q", managed, instance)
			}
		})
	}
}
