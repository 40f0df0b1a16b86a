package lifecycle

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
)

func metered(o *dind.Options) { o.Metrics = true }

// monitoredWorld is a world whose cluster serves PodMonitors.
func monitoredWorld(t *testing.T) (*world, *dynamicfake.FakeDynamicClient) {
	t.Helper()
	w := newWorld(t)
	w.Clientset.Resources = append(w.Clientset.Resources, &metav1.APIResourceList{
		GroupVersion: kube.PodMonitors.GroupVersion().String(), APIResources: []metav1.APIResource{{Name: kube.PodMonitors.Resource}},
	})
	return w, w.Cluster.Dynamic.(*dynamicfake.FakeDynamicClient)
}

func monitor(fake *dynamicfake.FakeDynamicClient) *unstructured.Unstructured {
	object, _ := fake.Tracker().Get(kube.PodMonitors, "ci", "d")
	found, _ := object.(*unstructured.Unstructured)
	return found
}

// A PodMonitor is created with --metrics, deleted without it, and by uninstall.
func TestPodMonitor(t *testing.T) {
	w, fake := monitoredWorld(t)
	w.install(t, options(metered))
	if found := monitor(fake); found == nil || found.GetLabels()[kube.OwnInstanceLabel] != "d" {
		t.Errorf("the PodMonitor is %v", found)
	}
	w.install(t, options(nil))
	if monitor(fake) != nil {
		t.Error("the PodMonitor is still there without --metrics")
	}
	w.install(t, options(metered))
	removal, err := w.PlanRemoval(t.Context(), false)
	if err == nil {
		_, err = w.Remove(t.Context(), removal)
	}
	if err != nil || monitor(fake) != nil {
		t.Errorf("after uninstall (%v) the PodMonitor is %v", err, monitor(fake))
	}
}

// Somebody else's PodMonitor stays.
func TestPodMonitorOfSomebodyElse(t *testing.T) {
	w, fake := monitoredWorld(t)
	other := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": kube.PodMonitors.GroupVersion().String(), "kind": "PodMonitor", "metadata": map[string]any{"name": "d", "namespace": "ci"},
	}}
	if err := fake.Tracker().Add(other); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Install(t.Context(), options(metered), InstallOptions{SkipPreflight: true}); err == nil || !strings.Contains(err.Error(), "podmonitor/d") || len(w.Writes()) > 0 {
		t.Errorf("got %v, sent %q", err, w.Writes())
	}
}

// Metrics work without a PodMonitor: install says how.
func TestPodMonitorThatCannotBe(t *testing.T) {
	w := newWorld(t)
	w.install(t, options(metered))
	if said := w.messages(); !slices.ContainsFunc(said, func(s string) bool {
		return strings.Contains(s, "the cluster has no PodMonitors") && strings.Contains(s, "prometheus.io/port=9323")
	}) {
		t.Errorf("on a cluster without the kind, install said %q", said)
	}

	w, fake := monitoredWorld(t)
	w.install(t, options(metered)) // as an administrator
	for _, resource := range []string{"selfsubjectrulesreviews", "selfsubjectaccessreviews"} {
		w.PrependReactor("create", resource, func(action ktesting.Action) (bool, runtime.Object, error) {
			if action.GetResource().Resource == "selfsubjectrulesreviews" {
				return true, &authorizationv1.SelfSubjectRulesReview{}, nil
			}
			return true, &authorizationv1.SelfSubjectAccessReview{}, nil
		})
	}
	w.install(t, options(metered))
	if said := w.messages(); monitor(fake) == nil || !slices.ContainsFunc(said, func(s string) bool {
		return strings.Contains(s, "you may not get podmonitors.monitoring.coreos.com")
	}) {
		t.Errorf("without the right, install said %q", said)
	}
}

// Install and status read the metrics once, and say if they cannot.
func TestMetricsAreRead(t *testing.T) {
	for code, warns := range map[int]bool{http.StatusOK: false, http.StatusNotFound: true, 0: true} {
		asked := ""
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = r.URL.Path
			w.WriteHeader(code)
		}))
		if code == 0 {
			server.Close()
		}
		w, _ := monitoredWorld(t)
		w.engine.Address = server.Listener.Addr().String()
		w.install(t, options(metered))
		s, err := w.Status(t.Context())
		server.Close()
		if has := slices.ContainsFunc(s.Problems, func(p Problem) bool { return p.Reason == "MetricsUnreadable" }); err != nil || has != warns {
			t.Errorf("for an answer %d the problems are %+v, %v", code, s.Problems, err)
		}
		if warned := slices.ContainsFunc(w.messages(), func(s string) bool { return strings.Contains(s, "the metrics of pod d-abc-1 cannot be read") }); warned != warns || code != 0 && asked != dind.MetricsPath {
			t.Errorf("for an answer %d to %q install said %q", code, asked, w.messages())
		}
	}
}
