package control

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
	"github.com/dindctl/dindctl/hack/cluster/internal/pki"
)

type object = map[string]any

// readers are the users for whom the API server has no built-in role, and what they
// read, by API group.
var readers = map[string]map[string][]string{
	pki.DNSUser: {
		"":                 {"namespaces", "pods", "services"},
		"discovery.k8s.io": {"endpointslices"},
	},
	// kube-router also waits for what it needs only for Services.
	pki.PolicyUser: {
		"":                  {"endpoints", "namespaces", "nodes", "pods", "services"},
		"discovery.k8s.io":  {"endpointslices"},
		"networking.k8s.io": {"networkpolicies"},
	},
}

// Apply creates the default StorageClass, whose claims bind when a pod uses them,
// as on most clusters, and the permissions of the readers.
func Apply(ctx context.Context, p paths.Paths) error {
	server, err := newAPI(p)
	if err != nil {
		return err
	}
	const storage = "storage.k8s.io/v1"
	objects := map[string]object{
		"/apis/" + storage + "/storageclasses/standard": {
			"apiVersion": storage, "kind": "StorageClass",
			"metadata": object{
				"name":        "standard",
				"annotations": object{"storageclass.kubernetes.io/is-default-class": "true"},
			},
			"provisioner":       "kubernetes.io/host-path",
			"reclaimPolicy":     "Delete",
			"volumeBindingMode": "WaitForFirstConsumer",
		},
	}
	for user, resources := range readers {
		maps.Copy(objects, reader(user, resources))
	}
	for path, content := range objects {
		if err := server.apply(ctx, path, content); err != nil {
			return fmt.Errorf("creating the cluster's own objects: %w", err)
		}
	}
	return nil
}

// reader returns a user's role and its binding, by path.
func reader(user string, resources map[string][]string) map[string]object {
	const group = "rbac.authorization.k8s.io"
	var rules []object
	for _, name := range slices.Sorted(maps.Keys(resources)) {
		rules = append(rules, object{"apiGroups": []string{name}, "resources": resources[name], "verbs": []string{"get", "list", "watch"}})
	}
	return map[string]object{
		"/apis/" + group + "/v1/clusterroles/" + user: {
			"apiVersion": group + "/v1", "kind": "ClusterRole", "metadata": object{"name": user}, "rules": rules,
		},
		"/apis/" + group + "/v1/clusterrolebindings/" + user: {
			"apiVersion": group + "/v1", "kind": "ClusterRoleBinding", "metadata": object{"name": user},
			"roleRef":  object{"apiGroup": group, "kind": "ClusterRole", "name": user},
			"subjects": []object{{"apiGroup": group, "kind": "User", "name": user}},
		},
	}
}
