package dind

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// deploymentOf returns the Deployment of an installation as the API server has it.
func deploymentOf(t *testing.T, o Options, live Live) *appsv1.Deployment {
	t.Helper()
	manifests, err := mustBuild(t, installation{options: o, live: live}).YAML()
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, manifests).deployment
}

func TestOptionsAreRemembered(t *testing.T) {
	for _, in := range installations() {
		t.Run(in.name, func(t *testing.T) {
			deployment := deploymentOf(t, in.options, in.live)
			got, known := Remembered(deployment)
			if !known {
				t.Fatalf("not remembered: %s", deployment.Annotations[OptionsAnnotation])
			}
			in.live.Deployment = deployment
			again := deploymentOf(t, got, in.live)
			if diff := cmp.Diff(deployment, again); diff != "" {
				t.Errorf("an install with the remembered options changes:\n%s", diff)
			}
			if dropped := in.options.Dropped(got); len(dropped) > 0 {
				t.Errorf("forgotten: %s", dropped)
			}
		})
	}
}

func TestRememberedHasNoSecrets(t *testing.T) {
	o := with(func(o *Options) {
		o.Env = []string{"TOKEN=hunter2-$(X)$$", "EMPTY="}
		o.DockerdArgs = []string{"--log-opt=a=hunter2", "--log-opt=b=other", "--dns=10.0.0.1", "--https-proxy=http://me:hunter2@proxy"}
	})
	deployment := deploymentOf(t, o, Live{})
	annotation := deployment.Annotations[OptionsAnnotation]
	if strings.Contains(annotation, "hunter2") || !strings.Contains(annotation, "--dns=10.0.0.1") {
		t.Errorf("annotation %s", annotation)
	}
	got, _ := Remembered(deployment)
	if diff := cmp.Diff(o, got); diff != "" {
		t.Errorf("remembered (-want +got):\n%s", diff)
	}

	deployment.Spec.Template.Spec.Containers[0].Env = nil
	got, _ = Remembered(deployment)
	_, err := Build(got, Live{Deployment: deployment})
	checkComplaints(t, err, []complaint{{"--env", "none to keep"}, {"--env", "none to keep"}})
}

// A hidden value in a file of options is that of the installation.
func TestHiddenValuesAreKept(t *testing.T) {
	live := deploymentOf(t, with(func(o *Options) { o.Env = []string{"TOKEN=hunter2"} }), Live{})
	kept := deploymentOf(t, with(func(o *Options) { o.Env = []string{"TOKEN=(not shown)"} }), Live{Deployment: live})
	if diff := cmp.Diff(live, kept); diff != "" {
		t.Errorf("changed:\n%s", diff)
	}
}

func TestNotRemembered(t *testing.T) {
	for _, test := range []struct{ name, annotation string }{
		{"older than the annotation", ""},
		{"no JSON", "{"},
		{"options of another dindctl", `{"replicas":2}`},
		{"another type", `{"tls":"yes"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			deployment := &appsv1.Deployment{}
			deployment.Annotations = map[string]string{OptionsAnnotation: test.annotation}
			if o, known := Remembered(deployment); known {
				t.Errorf("remembered %+v", o)
			}
		})
	}
	if _, known := Remembered(nil); known {
		t.Error("remembered without a Deployment")
	}
}

func TestDropped(t *testing.T) {
	before := with(func(o *Options) {
		o.StorageSize, o.StorageClass, o.MemoryLimit, o.CPULimit = "200Gi", "fast", "4Gi", "2"
		o.AllowNamespaces, o.Env = []string{"build", "test"}, []string{"A=1", "B=2"}
		o.TLS = true
	})
	now := with(func(o *Options) {
		o.CPULimit, o.AllowNamespaces, o.Env = "3", []string{"test", "new"}, []string{"A=other"}
	})
	want := []string{"--env B", "--memory-limit 4Gi", "--allow-namespace build", "--tls"}
	if diff := cmp.Diff(want, before.Dropped(now)); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
}

func TestForClaim(t *testing.T) {
	claim := liveClaim(unchanged) // 200Gi, standard
	for _, test := range []struct {
		name                string
		size, class         string
		claim               *corev1.PersistentVolumeClaim
		wantSize, wantClass string
	}{
		{"no claim", "50Gi", "fast", nil, "50Gi", "fast"},
		{"expanded by others", "150Gi", "standard", claim, "200Gi", "standard"},
		{"another claim", "150Gi", "fast", claim, "200Gi", ""},
		{"the default size", "", "", liveClaim(func(c *corev1.PersistentVolumeClaim) {
			c.Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse("102400Mi")
		}), "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := with(func(o *Options) { o.StorageSize, o.StorageClass = test.size, test.class }).ForClaim(test.claim)
			if got.StorageSize != test.wantSize || got.StorageClass != test.wantClass {
				t.Errorf("size %q, class %q", got.StorageSize, got.StorageClass)
			}
		})
	}
}
