package control

import (
	"context"
	"fmt"

	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
	"github.com/dindctl/dindctl/hack/cluster/internal/pki"
)

type object = map[string]any

// Apply creates the default StorageClass, whose claims bind when a pod uses them,
// as on most clusters, and the permissions of CoreDNS.
func Apply(ctx context.Context, p paths.Paths) error {
	server, err := newAPI(p)
	if err != nil {
		return err
	}
	const rbac, storage = "rbac.authorization.k8s.io/v1", "storage.k8s.io/v1"
	for path, content := range map[string]object{
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
		"/apis/" + rbac + "/clusterroles/dindctl:coredns": {
			"apiVersion": rbac, "kind": "ClusterRole",
			"metadata": object{"name": pki.DNSUser},
			"rules": []object{
				{"apiGroups": []string{""}, "resources": []string{"services", "pods", "namespaces"}, "verbs": []string{"list", "watch"}},
				{"apiGroups": []string{"discovery.k8s.io"}, "resources": []string{"endpointslices"}, "verbs": []string{"list", "watch"}},
			},
		},
		"/apis/" + rbac + "/clusterrolebindings/dindctl:coredns": {
			"apiVersion": rbac, "kind": "ClusterRoleBinding",
			"metadata": object{"name": pki.DNSUser},
			"roleRef":  object{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": pki.DNSUser},
			"subjects": []object{{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": pki.DNSUser}},
		},
	} {
		if err := server.apply(ctx, path, content); err != nil {
			return fmt.Errorf("creating the cluster's own objects: %w", err)
		}
	}
	return nil
}
