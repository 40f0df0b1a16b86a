package dind

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

// Each target fuzzes the value of one option. Validate must return OptionErrors that
// name the option, or accept the value. With an accepted value Build must return objects
// that decode strictly and contain the value unchanged.

// apiTypes returns constructors of the API types by kind.
func apiTypes() map[string]func() any {
	return map[string]func() any{
		"StorageClass":          func() any { return &storagev1.StorageClass{} },
		"PersistentVolume":      func() any { return &corev1.PersistentVolume{} },
		"PersistentVolumeClaim": func() any { return &corev1.PersistentVolumeClaim{} },
		"ConfigMap":             func() any { return &corev1.ConfigMap{} },
		"Service":               func() any { return &corev1.Service{} },
		"Deployment":            func() any { return &appsv1.Deployment{} },
		"CronJob":               func() any { return &batchv1.CronJob{} },
		"NetworkPolicy":         func() any { return &networkingv1.NetworkPolicy{} },
	}
}

// built returns the objects by kind, or nil if the options are rejected. Only the given
// options may be rejected.
func built(t *testing.T, edit func(*Options), options ...string) map[string]any {
	t.Helper()
	o := with(edit)
	valid := o.Validate()
	objects, err := Build(o, Live{})
	if (valid == nil) != (err == nil) {
		t.Fatalf("Validate says %v, Build %v", valid, err)
	}
	if err != nil {
		var problems OptionErrors
		if !errors.As(err, &problems) || len(problems) == 0 {
			t.Fatalf("%v (%T) is not OptionErrors", err, err)
		}
		for _, p := range problems {
			if !slices.Contains(options, p.Option) || p.Reason == "" || p.Hint == "" {
				t.Fatalf("the error is for another option, or has no reason or hint: %+v", *p)
			}
		}
		return nil
	}
	text, err := objects.YAML()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]any{}
	for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
		document = bytes.TrimPrefix(document, []byte("---\n"))
		var meta struct{ Kind string }
		if err := yaml.Unmarshal(document, &meta); err != nil {
			t.Fatal(err)
		}
		object := apiTypes()[meta.Kind]()
		if err := yaml.UnmarshalStrict(document, object); err != nil {
			t.Fatalf("%s: %v\n%s", meta.Kind, err, document)
		}
		found[meta.Kind] = object
	}
	return found
}

// daemonPod returns the pod of the built Deployment.
func daemonPod(objects map[string]any) corev1.PodSpec {
	return objects["Deployment"].(*appsv1.Deployment).Spec.Template.Spec
}

func FuzzName(f *testing.F) {
	for _, s := range []string{"", "docker-dind", "a", "1a", "a-", "A", "a.b", "a\n", "ä", strings.Repeat("a", 40), strings.Repeat("a", 41)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		objects := built(t, func(o *Options) { o.Name = name }, "--name")
		if objects != nil && objects["Service"].(*corev1.Service).Name != name {
			t.Errorf("%q became another name", name)
		}
	})
}

func FuzzImage(f *testing.F) {
	for _, s := range []string{"", "docker", "docker:29-dind", "Docker", "a:b:c", "r:5000/a/b:c", "a@sha256:" + strings.Repeat("a", 64), "[::1]:5000/a", "docker:cli", "a:" + strings.Repeat("1", 128)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, image string) {
		objects := built(t, func(o *Options) { o.Image = image }, "--image")
		if objects == nil {
			return
		}
		if got := daemonPod(objects).Containers[0].Image; got != image {
			t.Errorf("%q became %q", image, got)
		}
		for _, value := range objects["Deployment"].(*appsv1.Deployment).Labels {
			if len(value) > 63 {
				t.Errorf("label value %q", value)
			}
		}
	})
}

func FuzzQuantities(f *testing.F) {
	for _, s := range []string{"", "1", "100Gi", "500m", "0", "-1", "1e3", "1E", "0.1", "9223372036854775807", "1e99", "1Gi ", "0x10", "+1", "1e33333331", "1E-33333331"} {
		f.Add(s, s, s)
	}
	f.Fuzz(func(t *testing.T, size, cpu, memory string) {
		objects := built(t, func(o *Options) {
			o.StorageSize, o.CPURequest, o.CPULimit, o.MemoryRequest, o.MemoryLimit = size, cpu, cpu, memory, memory
		}, "--storage-size", "--cpu-request", "--cpu-limit", "--memory-request", "--memory-limit")
		if objects == nil {
			return
		}
		resources := daemonPod(objects).Containers[0].Resources
		sizes := objects["PersistentVolumeClaim"].(*corev1.PersistentVolumeClaim).Spec.Resources
		for _, pair := range []struct {
			typed string
			got   resource.Quantity
		}{
			{size, sizes.Requests[corev1.ResourceStorage]},
			{cpu, resources.Requests[corev1.ResourceCPU]},
			{cpu, resources.Limits[corev1.ResourceCPU]},
			{memory, resources.Requests[corev1.ResourceMemory]},
			{memory, resources.Limits[corev1.ResourceMemory]},
		} {
			if pair.typed == "" {
				continue
			}
			want := resource.MustParse(pair.typed)
			if pair.got.Cmp(want) != 0 || pair.got.Sign() <= 0 {
				t.Errorf("%q became %s", pair.typed, pair.got.String())
			}
		}
	})
}

func FuzzToleration(f *testing.F) {
	for _, s := range []string{"", "a", "a=b", "a=b:NoSchedule", "a:NoExecute", ":", "=", "a=b=c", "a:b:c", "a/b=c", "a=b:noschedule", "=b:NoSchedule"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		objects := built(t, func(o *Options) { o.Tolerations = []string{s} }, "--toleration")
		if objects == nil {
			return
		}
		tolerations := daemonPod(objects).Tolerations
		if len(tolerations) != 1 {
			t.Fatalf("%q became %v", s, tolerations)
		}
		again := tolerations[0].Key
		if tolerations[0].Operator == corev1.TolerationOpEqual {
			again += "=" + tolerations[0].Value
		}
		if tolerations[0].Effect != "" {
			again += ":" + string(tolerations[0].Effect)
		}
		if again != s {
			t.Errorf("%q became %q", s, again)
		}
	})
}

func FuzzNodeSelector(f *testing.F) {
	for _, s := range []string{"", "a", "a=", "a=b", "a=b=c", "a/b=c", "=", "a.b/c-d=e_f", "a=ä", "A=B"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		objects := built(t, func(o *Options) { o.NodeSelector = []string{one, two} }, "--node-selector")
		if objects == nil {
			return
		}
		selector := daemonPod(objects).NodeSelector
		for _, pair := range []string{one, two} {
			key, value, _ := strings.Cut(pair, "=")
			if got, ok := selector[key]; !ok || got != value {
				t.Errorf("%q became %v", pair, selector)
			}
		}
		if _, err := labels.ValidatedSelectorFromSet(selector); err != nil {
			t.Error(err)
		}
	})
}
