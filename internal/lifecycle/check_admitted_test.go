package lifecycle

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ktesting "k8s.io/client-go/testing"

	"errors"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dindctl/dindctl/internal/dind"
)

// What admission makes of a pod is named.
func TestDescribeAdmitted(t *testing.T) {
	memory := func(size string) corev1.ResourceRequirements {
		return corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(size)}}
	}
	for _, test := range []struct {
		name   string
		change func(*corev1.Pod)
		want   []string
	}{
		{"nothing", func(*corev1.Pod) {}, []string{"ok : admitted"}},
		{"a sidecar before the container", func(p *corev1.Pod) {
			p.Spec.Containers = append([]corev1.Container{{Name: "istio-proxy", Image: "istio/proxyv2"}}, p.Spec.Containers...)
			p.Spec.InitContainers = []corev1.Container{{Name: "istio-init", Image: "istio/proxyv2"}}
		}, []string{"warning : admission adds to the pod: container istio-init (istio/proxyv2), container istio-proxy (istio/proxyv2). A proxy there redirects the traffic of builds, and a Job's pod does not end with it"}},
		{"a LimitRange", func(p *corev1.Pod) {
			p.Annotations = map[string]string{"kubernetes.io/limit-ranger": "LimitRanger plugin set: memory limit for container d"}
			p.Spec.Containers[0].Resources = memory("512Mi")
		}, []string{"warning : the namespace's LimitRange sets limits on the container d: memory 512Mi"}},
		{"a webhook that sets limits", func(p *corev1.Pod) { p.Spec.Containers[0].Resources = memory("1Gi") },
			[]string{"warning : admission sets limits on the container d: memory 1Gi"}},
		{"image, label, selector, class", func(p *corev1.Pod) {
			p.Spec.Containers[0].Image, p.Spec.NodeSelector, p.Spec.RuntimeClassName = "mirror/docker", map[string]string{"pool": "ci"}, new("kata")
			p.Labels = map[string]string{"app": "d", "team": "x"}
		}, []string{"ok : admitted; admission sets the image mirror/docker, the label team=x, the node selector pool=ci, the runtime class kata"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			sent := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "d"}}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "d", Image: "docker"}}}}
			admitted := sent.DeepCopy()
			test.change(admitted)
			got := describeAdmitted(dind.TrialPod{Pod: sent, Container: "d"}, admitted, "admitted")
			if diff := cmp.Diff(test.want, lines(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A refusal of a Job's pod is a warning: the daemon runs without it.
func TestCheckJobPods(t *testing.T) {
	w := newWorld(t)
	w.PrependReactor("create", "pods", func(action ktesting.Action) (bool, runtime.Object, error) {
		pod := action.(ktesting.CreateActionImpl).GetObject().(*corev1.Pod)
		if pod.Spec.Containers[0].Name == dind.ContainerName {
			return false, nil, nil
		}
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "d", errors.New("failed quota: q: must specify limits.cpu"))
	})
	checks, err := w.Check(t.Context(), options(nil), InstallOptions{})
	if err != nil || !checks.OK {
		t.Fatalf("got %+v, %v", checks, err)
	}
	got := lines(checks.Results)
	for _, want := range []string{
		`warning prune admission: the cluster refuses the Job's pod, and without prunes the disk fills up: pods "d" is forbidden: failed quota: q: must specify limits.cpu`,
		"warning verify admission: the cluster refuses the Job's pod, and `dindctl verify` cannot run: pods \"d\" is forbidden: failed quota: q: must specify limits.cpu",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

func TestCheckArchitecture(t *testing.T) {
	node := func(name, architecture, system string, change func(*corev1.Node)) *corev1.Node {
		n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelArchStable: architecture, corev1.LabelOSStable: system}}}
		if change != nil {
			change(n)
		}
		return n
	}
	tainted := func(n *corev1.Node) {
		n.Spec.Taints = []corev1.Taint{{Key: "gpu", Effect: corev1.TaintEffectNoSchedule}}
	}
	for _, test := range []struct {
		name    string
		nodes   []runtime.Object
		options func(*dind.Options)
		want    string // "" for no result
	}{
		{"one", []runtime.Object{node("a", "amd64", "linux", nil), node("b", "amd64", "linux", nil)}, nil, ""},
		{"two", []runtime.Object{node("a", "amd64", "linux", nil), node("b", "arm64", "linux", nil), node("c", "arm64", "linux", nil)}, nil,
			"warning architecture: nodes of several architectures can take the pod: 1 of amd64, 2 of arm64"},
		{"one is chosen", []runtime.Object{node("a", "amd64", "linux", nil), node("b", "arm64", "linux", nil)},
			func(o *dind.Options) { o.NodeSelector = []string{"kubernetes.io/arch=arm64"} }, ""},
		{"the other has a taint", []runtime.Object{node("a", "amd64", "linux", nil), node("b", "arm64", "linux", tainted)}, nil, ""},
		{"the other runs Windows", []runtime.Object{node("a", "amd64", "linux", nil), node("b", "arm64", "windows", nil)}, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.nodes...)
			checks, err := w.Check(t.Context(), options(test.options), InstallOptions{})
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, line := range lines(checks.Results) {
				if strings.Contains(line, " architecture: ") {
					got = line
				}
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
