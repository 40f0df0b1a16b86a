package apply

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

// Tool is another tool that manages objects.
type Tool string

// The tools whose marks are known.
const (
	Helm      Tool = "Helm"
	Terraform Tool = "Terraform"
	ArgoCD    Tool = "Argo CD"
	Flux      Tool = "Flux"
)

// Manager is a tool that manages some of the live objects, by the marks on them.
type Manager struct {
	Tool Tool
	// Name and Namespace are those of Helm's release, Argo CD's application or Flux'
	// Kustomization or HelmRelease; empty if the marks do not have them.
	Name, Namespace string
	Refs            []kube.Ref
}

// Managers returns the tools that manage live objects of the plan. Helm and Terraform
// are reported only for objects that applying adopts: it removes Helm's marks, and not
// the tools' own records of the objects.
func (p *Plan) Managers() []Manager {
	var managers []Manager
	for _, s := range p.steps {
		if s.live == nil {
			continue
		}
		manager := managerOf(s.live)
		if manager.Tool == "" || !s.adopt && (manager.Tool == Helm || manager.Tool == Terraform) {
			continue
		}
		known := slices.IndexFunc(managers, func(m Manager) bool {
			return m.Tool == manager.Tool && m.Name == manager.Name && m.Namespace == manager.Namespace
		})
		if known < 0 {
			known, managers = len(managers), append(managers, manager)
		}
		managers[known].Refs = append(managers[known].Refs, s.ref)
	}
	return managers
}

// managerOf returns the tool whose marks an object has. Argo CD and Flux come first:
// they may install with Helm. See
// https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/
func managerOf(live metav1.Object) Manager {
	labels, annotations := live.GetLabels(), live.GetAnnotations()
	writes := func(managers ...string) bool {
		return slices.ContainsFunc(live.GetManagedFields(), func(e metav1.ManagedFieldsEntry) bool {
			return slices.Contains(managers, e.Manager)
		})
	}
	tracking, tracked := annotations["argocd.argoproj.io/tracking-id"]
	application, _, _ := strings.Cut(tracking, ":")
	switch {
	case tracked:
		return Manager{Tool: ArgoCD, Name: application}
	case labels["argocd.argoproj.io/instance"] != "":
		return Manager{Tool: ArgoCD, Name: labels["argocd.argoproj.io/instance"]}
	case writes("argocd-controller", "argocd-application-controller"):
		return Manager{Tool: ArgoCD}
	case labels["kustomize.toolkit.fluxcd.io/name"] != "":
		return Manager{Tool: Flux, Name: labels["kustomize.toolkit.fluxcd.io/name"], Namespace: labels["kustomize.toolkit.fluxcd.io/namespace"]}
	case labels["helm.toolkit.fluxcd.io/name"] != "":
		return Manager{Tool: Flux, Name: labels["helm.toolkit.fluxcd.io/name"], Namespace: labels["helm.toolkit.fluxcd.io/namespace"]}
	case writes("kustomize-controller", "helm-controller"):
		return Manager{Tool: Flux}
	case annotations["meta.helm.sh/release-name"] != "":
		return Manager{Tool: Helm, Name: annotations["meta.helm.sh/release-name"], Namespace: annotations["meta.helm.sh/release-namespace"]}
	case writes("Terraform", "HashiCorp"): // of kubernetes_manifest, and of the other resources
		return Manager{Tool: Terraform}
	}
	return Manager{}
}
