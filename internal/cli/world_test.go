package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	apiversion "k8s.io/apimachinery/pkg/version"
	fakediscovery "k8s.io/client-go/discovery/fake"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/terminal"
)

var updateGolden = flag.Bool("update", false, "rewrite the golden files")

// golden compares what was printed with testdata/NAME.golden.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *updateGolden {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// world is a program, the streams it writes to, and the cluster it speaks to:
// a server that versions objects and controllers that do their work at once.
type world struct {
	*fake.Clientset
	program
	cluster *kube.Cluster
	env     map[string]string
	engine  engine
	out     bytes.Buffer
	err     bytes.Buffer
	// connections are those that were asked for.
	connections []kube.Connection
	versions    int
	idle        bool // the controllers do nothing
}

func newWorld(t *testing.T, objects ...runtime.Object) *world {
	t.Helper()
	w := &world{Clientset: fake.NewClientset(objects...), env: map[string]string{}}
	w.cluster = &kube.Cluster{Client: w.Clientset, Namespace: "ci", Context: "test"}
	w.program = program{
		lookup: func(name string) (string, bool) {
			value, set := w.env[name]
			return value, set
		},
		streams: terminal.Streams{In: strings.NewReader(""), Out: &w.out, Err: &w.err},
		connect: func(c kube.Connection) (*kube.Cluster, error) {
			w.connections = append(w.connections, c)
			return w.cluster, nil
		},
		engine: func(context.Context, *kube.Cluster, string, *tls.Config, <-chan struct{}) (lifecycle.Engine, error) {
			return &w.engine, w.engine.refuse
		},
		now: func() time.Time { return noon },
	}
	w.Discovery().(*fakediscovery.FakeDiscovery).FakedServerVersion = &apiversion.Info{GitVersion: "v1.36.3"}
	apply := ktesting.ObjectReaction(w.Tracker())
	w.PrependReactor("patch", "*", func(action ktesting.Action) (bool, runtime.Object, error) { return w.patched(action, apply) })
	w.PrependReactor("create", "selfsubjectrulesreviews", func(ktesting.Action) (bool, runtime.Object, error) {
		all := []string{"*"}
		return true, &authorizationv1.SelfSubjectRulesReview{Status: authorizationv1.SubjectRulesReviewStatus{
			ResourceRules: []authorizationv1.ResourceRule{{Verbs: all, APIGroups: all, Resources: all}},
		}}, nil
	})
	w.PrependReactor("create", "selfsubjectaccessreviews", func(ktesting.Action) (bool, runtime.Object, error) {
		return true, &authorizationv1.SelfSubjectAccessReview{Status: authorizationv1.SubjectAccessReviewStatus{Allowed: true}}, nil
	})
	w.PrependReactor("create", "pods", func(action ktesting.Action) (bool, runtime.Object, error) {
		return true, action.(ktesting.CreateActionImpl).GetObject(), nil // a dry run
	})
	return w
}

// patched applies a patch as the API server does, and lets the controllers act.
func (w *world) patched(action ktesting.Action, apply ktesting.ReactionFunc) (bool, runtime.Object, error) {
	patch := action.(ktesting.PatchActionImpl)
	before, _ := w.Tracker().Get(patch.GetResource(), patch.GetNamespace(), patch.GetName())
	_, object, err := apply(action)
	if err != nil {
		return true, nil, err
	}
	if len(patch.PatchOptions.DryRun) > 0 { // which the tracker does not know
		if before == nil {
			return true, object, w.Tracker().Delete(patch.GetResource(), patch.GetNamespace(), patch.GetName())
		}
		return true, object, w.Tracker().Update(patch.GetResource(), before, patch.GetNamespace())
	}
	w.versions++
	meta := object.(metav1.Object)
	meta.SetResourceVersion(strconv.Itoa(w.versions))
	meta.SetUID(types.UID(patch.GetResource().Resource + "/" + patch.GetName()))
	switch object := object.(type) {
	case *corev1.PersistentVolumeClaim:
		object.Spec.StorageClassName = new("standard")
		object.Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound, Capacity: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("100Gi")}}
	case *appsv1.Deployment:
		object.Generation = 1
		if w.idle {
			break
		}
		object.Status = appsv1.DeploymentStatus{ObservedGeneration: 1, Replicas: 1, UpdatedReplicas: 1, AvailableReplicas: 1}
		for _, made := range []runtime.Object{podOf(object), endpointOf(object)} {
			_ = w.Tracker().Add(made)
		}
	}
	return true, object, w.Tracker().Update(patch.GetResource(), object, patch.GetNamespace(), metav1.UpdateOptions{FieldManager: "kube-controller-manager"})
}

func podOf(d *appsv1.Deployment) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: d.Name + "-abc-1", Namespace: d.Namespace, UID: "pod", Labels: map[string]string{"pod-template-hash": "abc"},
		OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: d.Name + "-abc", Controller: new(true)}},
	}}
	for key, value := range d.Spec.Template.Labels {
		pod.Labels[key] = value
	}
	pod.Spec = corev1.PodSpec{NodeName: "node-1", Containers: []corev1.Container{{Image: dind.DefaultImage}}}
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	return pod
}

func endpointOf(d *appsv1.Deployment) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Name: "slice", Namespace: d.Namespace, UID: "slice", Labels: map[string]string{discoveryv1.LabelServiceName: d.Name}},
		Endpoints:  []discoveryv1.Endpoint{{TargetRef: &corev1.ObjectReference{UID: "pod"}}},
	}
}

// installedWorld is one in which install has run with these options.
func installedWorld(t *testing.T, args ...string) *world {
	t.Helper()
	if len(args) == 0 {
		return newWorld(t, defaultInstallation(t)...)
	}
	w := newWorld(t)
	w.install(t, args...)
	return w
}

func (w *world) install(t *testing.T, args ...string) {
	t.Helper()
	if code, _, stderr := w.run(t, append([]string{"install", "--skip-preflight"}, args...)...); code != 0 {
		t.Fatalf("install: %d\n%s", code, stderr)
	}
	w.ClearActions()
}

// defaultInstallation is what install leaves behind. It is made once: the fake
// API server is slow at applying.
func defaultInstallation(t *testing.T) []runtime.Object {
	t.Helper()
	made.once.Do(func() {
		w := newWorld(t)
		w.install(t)
		core := corev1.SchemeGroupVersion
		for _, object := range []struct {
			resource schema.GroupVersionResource
			name     string
		}{
			{core.WithResource("persistentvolumeclaims"), "docker-dind-data"}, {core.WithResource("configmaps"), "docker-dind-config"},
			{core.WithResource("services"), "docker-dind"}, {core.WithResource("pods"), "docker-dind-abc-1"},
			{appsv1.SchemeGroupVersion.WithResource("deployments"), "docker-dind"},
			{batchv1.SchemeGroupVersion.WithResource("cronjobs"), "docker-dind-clear-cache"},
			{networkingv1.SchemeGroupVersion.WithResource("networkpolicies"), "docker-dind"},
			{discoveryv1.SchemeGroupVersion.WithResource("endpointslices"), "slice"},
		} {
			found, err := w.Tracker().Get(object.resource, "ci", object.name)
			made.objects, made.err = append(made.objects, found), errors.Join(made.err, err)
		}
	})
	if made.err != nil {
		t.Fatal(made.err)
	}
	copies := make([]runtime.Object, len(made.objects))
	for i, object := range made.objects {
		copies[i] = object.DeepCopyObject()
	}
	return copies
}

var made struct {
	once    sync.Once
	objects []runtime.Object
	err     error
}

// elapsed matches how long a step took, which is not to be relied on.
var elapsed = regexp.MustCompile(` \([0-9.]+m?s\)`)

// run runs a command line and gives the exit code and what was printed since
// the last one.
func (w *world) run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return w.runUnder(ctx, append([]string{"dindctl"}, args...)...)
}

func (w *world) runUnder(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	w.out.Reset()
	w.err.Reset()
	w.args = args
	code = w.program.run(ctx, args)
	return code, w.out.String(), elapsed.ReplaceAllString(w.err.String(), "")
}

// engine is a daemon.
type engine struct {
	refuse   error
	contents daemon.Contents
	work     daemon.Activity // what runs, for ever
}

func (*engine) Info(context.Context) (daemon.Info, error) {
	return daemon.Info{Version: "29.7.2", APIVersion: "1.52", StorageDriver: "overlay2", RootDir: dind.DataRoot, CgroupVersion: "2"}, nil
}

func (*engine) DiskUsage(context.Context) (daemon.DiskUsage, error) {
	return daemon.DiskUsage{ImagesBytes: 3 << 30, BuildCacheBytes: 5 << 30, ReclaimableBytes: 2 << 30}, nil
}

func (e *engine) Contents(context.Context) (daemon.Contents, error) { return e.contents, nil }

func (e *engine) Activity(context.Context) (daemon.Activity, error) { return e.work, nil }

func (e *engine) AwaitIdle(ctx context.Context, report func(daemon.Activity)) error {
	report(e.work)
	if !e.work.Idle() {
		<-ctx.Done()
	}
	return ctx.Err()
}

func (*engine) Close() error { return nil }

var errDown = errors.New("connection refused")
