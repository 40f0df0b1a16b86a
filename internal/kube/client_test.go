package kube

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	applyapps "k8s.io/client-go/applyconfigurations/apps/v1"
	applybatch "k8s.io/client-go/applyconfigurations/batch/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applynetworking "k8s.io/client-go/applyconfigurations/networking/v1"
	applystorage "k8s.io/client-go/applyconfigurations/storage/v1"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
)

// configs returns an apply configuration for each object of everyRef.
func configs() map[string]any {
	label := map[string]string{"x": "y"}
	return map[string]any{
		"StorageClass":          applystorage.StorageClass("class").WithLabels(label),
		"PersistentVolume":      applycore.PersistentVolume("volume").WithLabels(label),
		"PersistentVolumeClaim": applycore.PersistentVolumeClaim("claim", "ci").WithLabels(label),
		"ConfigMap":             applycore.ConfigMap("config", "ci").WithLabels(label),
		"Secret":                applycore.Secret("secret", "ci").WithLabels(label),
		"NetworkPolicy":         applynetworking.NetworkPolicy("policy", "ci").WithLabels(label),
		"Service":               applycore.Service("service", "ci").WithLabels(label),
		"Deployment":            applyapps.Deployment("deployment", "ci").WithLabels(label),
		"CronJob":               applybatch.CronJob("cron", "ci").WithLabels(label),
		"Job":                   applybatch.Job("job", "ci").WithLabels(label),
	}
}

// The client of each kind sends its requests to that kind's resource, in the
// object's namespace.
func TestClientOfEachKind(t *testing.T) {
	for _, ref := range everyRef() {
		t.Run(ref.Kind, func(t *testing.T) {
			fakes := fake.NewClientset()
			c := (&Cluster{Client: fakes, Namespace: "elsewhere"}).For(ref)
			must := func(object metav1.Object, err error) metav1.Object {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
				return object
			}
			if object := must(c.Get(t.Context(), ref.Name)); object != nil {
				t.Errorf("before: got %v", object)
			}
			must(nil, c.Create(t.Context(), configs()[ref.Kind]))
			if created := must(c.Get(t.Context(), ref.Name)); created.GetLabels()["x"] != "y" {
				t.Errorf("created %v", created)
			}
			if err := c.Create(t.Context(), configs()[ref.Kind]); !apierrors.IsAlreadyExists(err) {
				t.Errorf("created again: got %v", err)
			}
			if applied := must(c.Apply(t.Context(), configs()[ref.Kind], "", false)); applied.GetName() != ref.Name {
				t.Errorf("applied %v", applied)
			}
			patched := must(c.Patch(t.Context(), ref.Name, []byte(`[{"op":"remove","path":"/metadata/labels/x"}]`), false))
			if patched.GetLabels()["x"] != "" {
				t.Errorf("patched %v", patched)
			}
			watcher, err := c.Watch(t.Context(), ByName(ref.Name))
			must(nil, err)
			watcher.Stop()
			must(nil, c.Delete(t.Context(), ref.Name, "uid", metav1.DeletePropagationBackground))
			if object := must(c.Get(t.Context(), ref.Name)); object != nil {
				t.Errorf("after: got %v", object)
			}
			must(nil, c.Delete(t.Context(), ref.Name, "uid", metav1.DeletePropagationBackground))

			resource := strings.ToLower(ref.Kind) + "s"
			if ref.Kind == "NetworkPolicy" {
				resource = "networkpolicies"
			} else if ref.Kind == "StorageClass" {
				resource = "storageclasses"
			}
			for _, action := range fakes.Actions() {
				if action.GetNamespace() != ref.Namespace || action.GetResource().Resource != resource {
					t.Errorf("%s %s in %q", action.GetVerb(), action.GetResource().Resource, action.GetNamespace())
				}
			}
		})
	}
}

// answers returns a client of ConfigMaps whose requests succeed.
func answers() (*fake.Clientset, Client) {
	client := fake.NewClientset()
	client.PrependReactor("*", "configmaps", func(ktesting.Action) (bool, runtime.Object, error) { return true, &corev1.ConfigMap{}, nil })
	return client, (&Cluster{Client: client, Namespace: "ci"}).For(Ref{"ConfigMap", "ci", "config"})
}

func TestClientSendsPatches(t *testing.T) {
	config := applycore.ConfigMap("config", "ci").WithData(map[string]string{"a": "b"}).WithBinaryData(map[string][]byte{"c": []byte("d")})
	const applied = `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"config","namespace":"ci"},"data":{"a":"b"},"binaryData":{"c":"ZA=="}}`
	const versioned = `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"config","namespace":"ci","resourceVersion":"7"},"data":{"a":"b"},"binaryData":{"c":"ZA=="}}`
	tests := []struct {
		name   string
		send   func(Client) (metav1.Object, error)
		patch  string
		kind   types.PatchType
		dryRun []string
	}{
		{"apply", func(c Client) (metav1.Object, error) { return c.Apply(t.Context(), config, "", false) }, applied, types.ApplyPatchType, nil},
		{"apply to one version", func(c Client) (metav1.Object, error) { return c.Apply(t.Context(), config, "7", false) }, versioned, types.ApplyPatchType, nil},
		{"dry run of apply", func(c Client) (metav1.Object, error) { return c.Apply(t.Context(), config, "", true) }, applied, types.ApplyPatchType, []string{"All"}},
		{"patch", func(c Client) (metav1.Object, error) { return c.Patch(t.Context(), "config", []byte("[]"), false) }, "[]", types.JSONPatchType, nil},
		{"dry run of patch", func(c Client) (metav1.Object, error) { return c.Patch(t.Context(), "config", []byte("[]"), true) }, "[]", types.JSONPatchType, []string{"All"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client, c := answers()
			if _, err := test.send(c); err != nil {
				t.Fatal(err)
			}
			sent := client.Actions()[0].(ktesting.PatchActionImpl)
			if diff := cmp.Diff(decoded(t, test.patch), decoded(t, string(sent.GetPatch()))); diff != "" {
				t.Error(diff)
			}
			options := sent.PatchOptions
			if sent.GetPatchType() != test.kind || options.FieldManager != "dindctl" || sent.GetName() != "config" {
				t.Errorf("sent to %s as %s by %q", sent.GetName(), sent.GetPatchType(), options.FieldManager)
			}
			if force := options.Force != nil && *options.Force; force != (test.kind == types.ApplyPatchType) {
				t.Errorf("force is %v", force)
			}
			if diff := cmp.Diff(test.dryRun, options.DryRun); diff != "" {
				t.Error(diff)
			}
			if config.ResourceVersion != nil {
				t.Error("the configuration itself has a version now")
			}
		})
	}
}

func TestClientCreates(t *testing.T) {
	client, c := answers()
	config := applycore.ConfigMap("config", "ci").WithData(map[string]string{"a": "b"}).WithBinaryData(map[string][]byte{"c": []byte("d")})
	if err := c.Create(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	sent := client.Actions()[0].(ktesting.CreateActionImpl)
	want := &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{Kind: "ConfigMap", APIVersion: "v1"},
		ObjectMeta: metav1.ObjectMeta{Name: "config", Namespace: "ci"},
		Data:       map[string]string{"a": "b"}, BinaryData: map[string][]byte{"c": []byte("d")},
	}
	if diff := cmp.Diff(runtime.Object(want), sent.GetObject()); diff != "" {
		t.Error(diff)
	}
	if sent.CreateOptions.FieldManager != "dindctl" || len(sent.CreateOptions.DryRun) > 0 {
		t.Errorf("sent with %+v", sent.CreateOptions)
	}
}

func TestClientDeletesByUID(t *testing.T) {
	client, c := answers()
	if err := c.Delete(t.Context(), "config", "mine", metav1.DeletePropagationForeground); err != nil {
		t.Fatal(err)
	}
	options := client.Actions()[0].(ktesting.DeleteActionImpl).DeleteOptions
	if *options.Preconditions.UID != "mine" || *options.PropagationPolicy != metav1.DeletePropagationForeground {
		t.Errorf("sent with %+v", options)
	}
}

func TestClientRefusesAnotherKind(t *testing.T) {
	client, c := answers()
	_, err := c.Apply(t.Context(), applycore.Service("service", "ci"), "", false)
	if want := "*v1.ServiceApplyConfiguration is not a *v1.ConfigMapApplyConfiguration"; text(err) != want || len(client.Actions()) > 0 {
		t.Errorf("got %v after %v", err, client.Actions())
	}
}

// A request is retried after a transient error, and returns the answer that refuses
// it.
func TestClientErrors(t *testing.T) {
	config := applycore.ConfigMap("config", "ci")
	requests := map[string]func(context.Context, Client) error{
		"get":    func(ctx context.Context, c Client) error { _, err := c.Get(ctx, "config"); return err },
		"apply":  func(ctx context.Context, c Client) error { _, err := c.Apply(ctx, config, "", false); return err },
		"create": func(ctx context.Context, c Client) error { return c.Create(ctx, config) },
		"patch": func(ctx context.Context, c Client) error {
			_, err := c.Patch(ctx, "config", []byte("[]"), false)
			return err
		},
		"delete": func(ctx context.Context, c Client) error {
			return c.Delete(ctx, "config", "uid", metav1.DeletePropagationBackground)
		},
	}
	for name, request := range requests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, c := answers()
				left := []error{errBusy, errForbidden}
				client.PrependReactor("*", "configmaps", func(ktesting.Action) (bool, runtime.Object, error) {
					err := left[0]
					left = left[1:]
					return true, nil, err
				})
				if err := request(t.Context(), c); !errors.Is(err, errForbidden) || len(left) > 0 {
					t.Errorf("got %v, with %v not sent", err, left)
				}
			})
		})
	}
	t.Run("delete, and another object has the name", func(t *testing.T) {
		client, c := answers()
		replaced := apierrors.NewConflict(schema.GroupResource{Resource: "configmaps"}, "config", errors.New("UID"))
		client.PrependReactor("delete", "configmaps", func(ktesting.Action) (bool, runtime.Object, error) { return true, nil, replaced })
		if err := requests["delete"](t.Context(), c); !errors.Is(err, replaced) {
			t.Errorf("got %v", err)
		}
	})
}

func decoded(t *testing.T, text string) (value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}
