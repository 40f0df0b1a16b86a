package apply

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

func TestManagers(t *testing.T) {
	helm := map[string]string{"meta.helm.sh/release-name": "old", "meta.helm.sh/release-namespace": "ci"}
	for _, test := range []struct {
		name                string
		labels, annotations map[string]string
		manager             string // of the fields
		want                *Manager
		wantManaged         bool // also for an object that dindctl manages already
	}{
		{"kubectl", nil, map[string]string{lastApplied: "{}"}, "kubectl-client-side-apply", nil, false},
		{"Helm", map[string]string{kube.ManagedByLabel: "Helm"}, helm, "helm", &Manager{Tool: Helm, Name: "old", Namespace: "ci"}, false},
		{"Terraform", nil, nil, "HashiCorp", &Manager{Tool: Terraform}, false},
		{"Terraform's kubernetes_manifest", nil, nil, "Terraform", &Manager{Tool: Terraform}, false},
		{"Argo CD", nil, map[string]string{"argocd.argoproj.io/tracking-id": "apps:apps/Deployment:ci/d"}, "argocd-controller", &Manager{Tool: ArgoCD, Name: "apps"}, true},
		{"Argo CD, by its fields", nil, nil, "argocd-controller", &Manager{Tool: ArgoCD}, true},
		{"Flux", map[string]string{"kustomize.toolkit.fluxcd.io/name": "infra", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}, nil,
			"kustomize-controller", &Manager{Tool: Flux, Name: "infra", Namespace: "flux-system"}, true},
		{"Helm by Flux", map[string]string{"helm.toolkit.fluxcd.io/name": "dind"}, helm, "helm-controller", &Manager{Tool: Flux, Name: "dind"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, managed := range []bool{false, true} {
				live := &corev1.Service{ObjectMeta: metav1.ObjectMeta{
					Name: "service", Namespace: "ci", Labels: map[string]string{}, Annotations: test.annotations,
					ManagedFields: []metav1.ManagedFieldsEntry{{Manager: test.manager}},
				}}
				for key, value := range test.labels {
					live.Labels[key] = value
				}
				if managed {
					live.Labels[kube.ManagedByLabel] = kube.ManagedByValue
				}
				p, err := NewPlan(newServer().Cluster, wanted("a"), inventory(live), true)
				if err != nil {
					t.Fatal(err)
				}
				var want []Manager
				if test.want != nil && (!managed || test.wantManaged) {
					manager := *test.want
					manager.Refs = []kube.Ref{{Kind: "Service", Namespace: "ci", Name: "service"}}
					want = []Manager{manager}
				}
				if diff := cmp.Diff(want, p.Managers()); diff != "" {
					t.Errorf("managed %v: %s", managed, diff)
				}
			}
		})
	}
}
