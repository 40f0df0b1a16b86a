package dind

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"

	"github.com/dindctl/dindctl/internal/kube"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// installation is a named set of options and the state of the cluster.
type installation struct {
	name    string
	options Options
	live    Live
}

func with(change func(*Options)) Options {
	o := Defaults()
	change(&o)
	return o
}

func installations() []installation {
	return []installation{
		{name: "defaults", options: Defaults()},
		{name: "local", options: with(func(o *Options) {
			o.Namespace = "gitlab"
			o.LocalPath, o.LocalNode = "/mnt/docker", "worker-1"
			o.StorageSize = "200Gi"
			o.StorageDriver = "overlay2"
			o.RegistryMirrors = []string{"https://mirror.example.com"}
		})},
		{name: "everything", options: with(func(o *Options) {
			o.Namespace, o.Name = "ci", "builder"
			o.Image = "registry.example.com/mirror/docker:28.5.1-dind"
			o.ImagePullSecrets = []string{"registry-key"}
			o.StorageSize, o.StorageClass = "1Ti", "fast"
			o.RegistryMirrors = []string{"https://mirror.example.com/hub", "http://10.0.0.5:5000"}
			o.InsecureRegistries = []string{"10.0.0.0/8", "registry.example.com:5000"}
			o.StorageDriver = "overlay2"
			o.MTU = "1450"
			o.Env = []string{"HTTPS_PROXY=http://proxy:3128", "SECRET=pa$$word$(HOME)", "EMPTY="}
			o.EnvFromSecrets = []string{"proxy", "logging", "proxy"}
			o.DockerdArgs = []string{"--log-driver=local", "--max-concurrent-downloads=6"}
			o.CPURequest, o.MemoryRequest = "500m", "1Gi"
			o.CPULimit, o.MemoryLimit = "4", "8Gi"
			o.NodeSelector = []string{"kubernetes.io/arch=amd64", "pool=ci"}
			o.Tolerations = []string{"dedicated=ci:NoSchedule", "spot", "gone:NoExecute"}
			o.PriorityClass, o.RuntimeClass, o.ServiceAccount = "builds", "sysbox", "builder"
			o.Affinity = `{"nodeAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[{"weight":1,"preference":{"matchExpressions":[{"key":"disk","operator":"In","values":["ssd"]}]}}]}}`
			o.PodLabels, o.PodAnnotations, o.AllowEviction = []string{"team=ci"}, []string{"example.com/note=a, b=c"}, true
			o.CacheLimit = "500GB"
			o.MaxContainerAge = "2d"
			o.PruneSchedule, o.PruneTimezone, o.PruneUnusedFor = "30 4 * * 1-5", "Europe/Berlin", "14d"
			o.AllowNamespaces = []string{"team-a", "team-b", "team-a"}
			o.PublishPorts = "20000-29999"
			o.Metrics, o.MetricsNamespace, o.MetricsLabels = true, "monitoring", []string{"release=prometheus"}
		}), live: Live{Monitoring: true}},
		{name: "existing-claim",
			options: with(func(o *Options) { o.ExistingClaim = "old-data" }),
			live: Live{Claim: &corev1.PersistentVolumeClaim{
				Spec:   corev1.PersistentVolumeClaimSpec{Resources: requests("50Gi")},
				Status: corev1.PersistentVolumeClaimStatus{Capacity: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("64Gi")}},
			}}},
		{name: "bare", options: with(func(o *Options) {
			o.PruneSchedule = "none"
			o.NoNetworkPolicy = true
			o.Image = "docker@sha256:" + strings.Repeat("ab", 32)
		})},
		{name: "tls",
			options: with(func(o *Options) {
				o.TLS = true
				o.AllowNamespaces = []string{"jobs", DefaultNamespace, "more-jobs", "jobs"}
			}),
			live: Live{Certificates: someCertificates()}},
		// The Deployment of a Helm chart, whose selector also matches the prune pods.
		{name: "adopted", options: Defaults(), live: Live{
			Claim: &corev1.PersistentVolumeClaim{Spec: corev1.PersistentVolumeClaimSpec{
				AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOncePod},
				StorageClassName: new("standard"),
				VolumeName:       "pvc-1",
				Resources:        requests("150Gi"),
			}},
			Deployment: &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{
				MatchLabels: map[string]string{NameLabel: NameValue, kube.InstanceLabel: DefaultName},
			}}},
		}},
	}
}

func requests(size string) corev1.VolumeResourceRequirements {
	return corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)}}
}

func mustBuild(t *testing.T, in installation) Objects {
	t.Helper()
	objects, err := Build(in.options, in.live)
	if err != nil {
		t.Fatalf("Build: %v", err)
	}
	return objects
}

// decoded are the objects as the API server decodes them.
type decoded struct {
	class      *storagev1.StorageClass
	volume     *corev1.PersistentVolume
	claim      *corev1.PersistentVolumeClaim
	config     *corev1.ConfigMap
	policy     *networkingv1.NetworkPolicy
	service    *corev1.Service // the last one: NAME
	deployment *appsv1.Deployment
	cronJob    *batchv1.CronJob
	secrets    []*corev1.Secret
	monitor    map[string]any
}

// decode decodes the manifests. An unknown field is an error.
func decode(t *testing.T, manifests []byte) decoded {
	t.Helper()
	var d decoded
	into := map[string]func() any{
		"StorageClass":          func() any { d.class = new(storagev1.StorageClass); return d.class },
		"PersistentVolume":      func() any { d.volume = new(corev1.PersistentVolume); return d.volume },
		"PersistentVolumeClaim": func() any { d.claim = new(corev1.PersistentVolumeClaim); return d.claim },
		"ConfigMap":             func() any { d.config = new(corev1.ConfigMap); return d.config },
		"NetworkPolicy":         func() any { d.policy = new(networkingv1.NetworkPolicy); return d.policy },
		"Service":               func() any { d.service = new(corev1.Service); return d.service },
		"Deployment":            func() any { d.deployment = new(appsv1.Deployment); return d.deployment },
		"CronJob":               func() any { d.cronJob = new(batchv1.CronJob); return d.cronJob },
		"PodMonitor":            func() any { d.monitor = map[string]any{}; return &d.monitor },
		"Secret": func() any {
			d.secrets = append(d.secrets, new(corev1.Secret))
			return d.secrets[len(d.secrets)-1]
		},
	}
	// A certificate in a ConfigMap ends with three dashes too.
	for _, document := range bytes.Split(append([]byte("\n"), manifests...), []byte("\n---\n"))[1:] {
		var meta metav1.TypeMeta
		if err := yaml.Unmarshal(document, &meta); err != nil {
			t.Fatalf("decode: %v", err)
		}
		target, ok := into[meta.Kind]
		if !ok {
			t.Fatalf("unexpected kind %q", meta.Kind)
		}
		if err := yaml.UnmarshalStrict(document, target()); err != nil {
			t.Errorf("%s: %v", meta.Kind, err)
		}
	}
	return d
}

func TestGolden(t *testing.T) {
	for _, in := range installations() {
		t.Run(in.name, func(t *testing.T) {
			got, err := mustBuild(t, in).YAML()
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", in.name+".golden.yaml")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("manifests differ from %s (-want +got); update with -update:\n%s", file, diff)
			}
			decode(t, got)
			for _, noise := range []string{"creationTimestamp", "status:", ": null", `\n`} {
				if bytes.Contains(got, []byte(noise)) {
					t.Errorf("manifests contain %q", noise)
				}
			}
		})
	}
}

func TestObjectsAgree(t *testing.T) {
	for _, in := range installations() {
		t.Run(in.name, func(t *testing.T) {
			objects := mustBuild(t, in)
			if diff := cmp.Diff(objects, mustBuild(t, in)); diff != "" {
				t.Errorf("a second Build differs:\n%s", diff)
			}
			manifests, err := objects.YAML()
			if err != nil {
				t.Fatal(err)
			}
			d := decode(t, manifests)

			pod := labels.Set(d.deployment.Spec.Template.Labels)
			selects, err := metav1.LabelSelectorAsSelector(d.deployment.Spec.Selector)
			if err != nil || !selects.Matches(pod) {
				t.Errorf("the Deployment's selector %v does not match its pods %v", selects, pod)
			}
			traffic := labels.SelectorFromSet(d.service.Spec.Selector)
			if traffic.Empty() || !traffic.Matches(pod) {
				t.Errorf("the Service's selector %v does not match the daemon %v", traffic, pod)
			}
			if d.policy != nil {
				if diff := cmp.Diff(d.service.Spec.Selector, d.policy.Spec.PodSelector.MatchLabels); diff != "" {
					t.Errorf("Service and NetworkPolicy select different pods:\n%s", diff)
				}
			}
			if d.cronJob != nil {
				job := labels.Set(d.cronJob.Spec.JobTemplate.Spec.Template.Labels)
				if _, ok := job[AppLabel]; ok || traffic.Matches(job) {
					t.Errorf("the Service selects the prune pod %v", job)
				}
			}
			for _, object := range []metav1.Object{d.claim, d.config, d.policy, d.service, d.deployment, d.cronJob} {
				checkMeta(t, in.options, object)
			}
		})
	}
}

// checkMeta checks the namespace and labels of an object, if it is not nil.
func checkMeta(t *testing.T, o Options, object metav1.Object) {
	t.Helper()
	if reflect.ValueOf(object).IsNil() {
		return
	}
	if object.GetNamespace() != o.Namespace {
		t.Errorf("%T is in namespace %q, want %q", object, object.GetNamespace(), o.Namespace)
	}
	for key, value := range Labels(o.Name) {
		if got := object.GetLabels()[key]; got != value {
			t.Errorf("%T has %s=%q, want %q", object, key, got, value)
		}
	}
}
