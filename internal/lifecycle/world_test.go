package lifecycle

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/version"
	fakediscovery "k8s.io/client-go/discovery/fake"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/progress"
)

// noon is what every clock of these tests shows: a Saturday.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

var (
	deployments = appsv1.SchemeGroupVersion.WithResource("deployments")
	claims      = corev1.SchemeGroupVersion.WithResource("persistentvolumeclaims")
	pods        = corev1.SchemeGroupVersion.WithResource("pods")
	jobs        = batchv1.SchemeGroupVersion.WithResource("jobs")
)

// world is a cluster with an installation d in namespace ci, or room for one:
// an API server that versions objects, the controllers that matter, a daemon,
// and an observer that writes everything down.
type world struct {
	*fake.Clientset
	Instance
	engine *engine
	// idle stops the controllers: claims stay pending and Deployments empty.
	idle bool
	// versions are what the server calls the states of objects.
	versions int

	mu     sync.Mutex
	events []progress.Event
}

func newWorld(t *testing.T, objects ...runtime.Object) *world {
	t.Helper()
	class := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{
		Name: "standard", Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"},
	}, Provisioner: "example.com/disk"}
	w := &world{Clientset: fake.NewClientset(append(objects, class)...), engine: &engine{}}
	w.Instance = Instance{
		Cluster: &kube.Cluster{Client: w.Clientset, Namespace: "ci", Context: "test"}, Name: "d",
		Observer: progress.Func(func(e progress.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		}),
		Engine: func(ctx context.Context, _ *kube.Cluster, pod string, credentials *tls.Config, ready <-chan struct{}) (Engine, error) {
			if ready != nil {
				select {
				case <-ready:
				case <-ctx.Done():
					return nil, ctx.Err()
				}
			}
			w.engine.mu.Lock()
			defer w.engine.mu.Unlock()
			w.engine.asked = append(w.engine.asked, pod)
			w.engine.credentials = credentials
			return w.engine, w.engine.refuse
		},
		Now: func() time.Time { return noon },
	}
	apply := ktesting.ObjectReaction(w.Tracker())
	w.PrependReactor("patch", "*", func(action ktesting.Action) (bool, runtime.Object, error) { return w.patched(action, apply) })
	w.Discovery().(*fakediscovery.FakeDiscovery).FakedServerVersion = &version.Info{GitVersion: "v1.36.3"}
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
		if len(action.(ktesting.CreateActionImpl).CreateOptions.DryRun) == 0 {
			t.Error("a pod was created, and not as a dry run")
		}
		return true, action.(ktesting.CreateActionImpl).GetObject(), nil
	})
	return w
}

// patched applies a patch as the API server does, and lets the controllers act.
func (w *world) patched(action ktesting.Action, apply ktesting.ReactionFunc) (bool, runtime.Object, error) {
	patch := action.(ktesting.PatchActionImpl)
	before, _ := w.Tracker().Get(patch.GetResource(), patch.GetNamespace(), patch.GetName())
	_, after, err := apply(action)
	if err != nil {
		return true, nil, err
	}
	if len(patch.PatchOptions.DryRun) > 0 { // which the tracker does not know
		if before == nil {
			return true, after, w.Tracker().Delete(patch.GetResource(), patch.GetNamespace(), patch.GetName())
		}
		return true, after, w.Tracker().Update(patch.GetResource(), before, patch.GetNamespace())
	}
	if before != nil && same(before, after) {
		return true, after, nil
	}
	w.versions++
	object := accessor(after)
	object.SetResourceVersion(strconv.Itoa(w.versions))
	object.SetGeneration(object.GetGeneration() + 1)
	if before == nil {
		object.SetUID(types.UID(patch.GetResource().Resource + "/" + patch.GetName()))
	}
	switch object := after.(type) {
	case *corev1.PersistentVolumeClaim:
		object.Status.Phase = corev1.ClaimPending
		if object.Spec.StorageClassName == nil {
			object.Spec.StorageClassName = new("standard") // as admission does
		}
		if !w.idle {
			bind(object)
		}
	case *appsv1.Deployment:
		if !w.idle {
			rollOut(object)
			w.add(podOf(object), endpointOf(object))
		}
	}
	return true, after, w.store(patch.GetResource(), after, patch.GetNamespace())
}

// add puts objects beside what is there; those that are there already stay.
func (w *world) add(objects ...runtime.Object) {
	for _, object := range objects {
		if err := w.Tracker().Add(object); err != nil && !apierrors.IsAlreadyExists(err) {
			panic(err)
		}
	}
}

// store writes as a controller, which owns other fields than dindctl does.
func (w *world) store(resource schema.GroupVersionResource, object runtime.Object, namespace string) error {
	return w.Tracker().Update(resource, object, namespace, metav1.UpdateOptions{FieldManager: "kube-controller-manager"})
}

func same(before, after runtime.Object) bool {
	a, b := before.DeepCopyObject(), after.DeepCopyObject()
	accessor(a).SetManagedFields(nil)
	accessor(b).SetManagedFields(nil)
	return equality.Semantic.DeepEqual(a, b)
}

func accessor(object runtime.Object) metav1.Object {
	found, err := meta.Accessor(object)
	if err != nil {
		panic(err)
	}
	return found
}

func bind(claim *corev1.PersistentVolumeClaim) {
	claim.Status.Phase = corev1.ClaimBound
	claim.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("100Gi")}
}

func rollOut(d *appsv1.Deployment) {
	d.Status = appsv1.DeploymentStatus{ObservedGeneration: d.Generation, Replicas: 1, UpdatedReplicas: 1, AvailableReplicas: 1}
}

// podOf is the pod that a Deployment's ReplicaSet makes, ready.
func podOf(d *appsv1.Deployment) *corev1.Pod {
	labels := map[string]string{"pod-template-hash": "abc"}
	for key, value := range d.Spec.Template.Labels {
		labels[key] = value
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: d.Name + "-abc-1", Namespace: d.Namespace, UID: "pod", Labels: labels,
			OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: d.Name + "-abc", Controller: new(true)}},
		},
		Spec: corev1.PodSpec{NodeName: "node-1", Containers: []corev1.Container{{Image: "docker:29.7.2-dind", Env: envOf(d)}}},
		Status: corev1.PodStatus{
			Phase:      corev1.PodRunning,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
			ContainerStatuses: []corev1.ContainerStatus{{
				Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
			}},
		},
	}
}

// envOf is the environment of a Deployment's first container.
func envOf(d *appsv1.Deployment) []corev1.EnvVar {
	if len(d.Spec.Template.Spec.Containers) == 0 {
		return nil
	}
	return d.Spec.Template.Spec.Containers[0].Env
}

// endpointOf says that the Service leads to the Deployment's pod.
func endpointOf(d *appsv1.Deployment) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Name: d.Name + "-x", Namespace: d.Namespace, UID: "slice",
			Labels: map[string]string{discoveryv1.LabelServiceName: d.Name},
		},
		Endpoints: []discoveryv1.Endpoint{{TargetRef: &corev1.ObjectReference{UID: "pod"}}},
	}
}

// installedWorld is one in which install has run.
func installedWorld(t *testing.T, change func(*dind.Options)) *world {
	t.Helper()
	if change == nil {
		return newWorld(t, defaultInstallation(t)...)
	}
	w := newWorld(t)
	w.install(t, options(change))
	w.forget()
	return w
}

// defaultInstallation is what install leaves behind with the default options.
// It is made once: the fake API server is slow at applying.
func defaultInstallation(t *testing.T) []runtime.Object {
	t.Helper()
	made.once.Do(func() {
		w := newWorld(t)
		w.install(t, options(nil))
		core := corev1.SchemeGroupVersion
		for _, object := range []struct {
			resource schema.GroupVersionResource
			name     string
		}{
			{claims, "d-data"}, {core.WithResource("configmaps"), "d-config"}, {core.WithResource("services"), "d"},
			{deployments, "d"}, {pods, "d-abc-1"}, {batchv1.SchemeGroupVersion.WithResource("cronjobs"), "d-clear-cache"},
			{networkingv1.SchemeGroupVersion.WithResource("networkpolicies"), "d"}, {discoveryv1.SchemeGroupVersion.WithResource("endpointslices"), "d-x"},
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

// install installs, or the test ends.
func (w *world) install(t *testing.T, o dind.Options) Installation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	outcome, err := w.Install(ctx, o, InstallOptions{SkipPreflight: true})
	if err != nil {
		t.Fatal(err)
	}
	return outcome
}

// forget makes the world as if nobody had ever asked it for anything.
func (w *world) forget() {
	w.ClearActions()
	w.events, w.engine.asked, w.engine.closed = nil, nil, 0
}

func options(change func(*dind.Options)) dind.Options {
	o := dind.Defaults()
	o.Namespace, o.Name = "ci", "d"
	if change != nil {
		change(&o)
	}
	return o
}

// change alters an object behind the client's back.
func change[T runtime.Object](t *testing.T, w *world, resource schema.GroupVersionResource, name string, alter func(T)) {
	t.Helper()
	object, err := w.Tracker().Get(resource, "ci", name)
	if err != nil {
		t.Fatal(err)
	}
	alter(object.(T))
	if err := w.store(resource, object, "ci"); err != nil {
		t.Fatal(err)
	}
}

// requests lists what was sent, by verb: "patch services".
func (w *world) requests(verbs ...string) []string {
	var sent []string
	for _, action := range w.Actions() {
		if len(verbs) > 0 && !slices.Contains(verbs, action.GetVerb()) {
			continue
		}
		if create, is := action.(ktesting.CreateActionImpl); is && (len(create.CreateOptions.DryRun) > 0 || strings.HasPrefix(action.GetResource().Resource, "selfsubject")) {
			continue
		}
		if patch, is := action.(ktesting.PatchActionImpl); is && len(patch.PatchOptions.DryRun) > 0 {
			continue
		}
		sent = append(sent, action.GetVerb()+" "+action.GetResource().Resource)
	}
	return sent
}

// writes lists the requests that change something, sorted.
func (w *world) writes() []string {
	sent := w.requests("create", "update", "patch", "delete", "delete-collection")
	slices.Sort(sent)
	return sent
}

// told lists the events but for updates: "Pod started", "Pod done: …".
func (w *world) told() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var lines []string
	for _, e := range w.events {
		switch e.Kind {
		case progress.Started:
			lines = append(lines, e.Step+" started")
		case progress.Done:
			lines = append(lines, e.Step+" done: "+e.Detail)
		case progress.Failed:
			lines = append(lines, e.Step+" failed: "+fmt.Sprint(e.Err))
		case progress.Info:
			lines = append(lines, "info: "+e.Detail)
		case progress.Warning:
			lines = append(lines, "warning: "+e.Detail)
		}
	}
	return lines
}

// checkSteps tells of a step that was not closed exactly once.
func (w *world) checkSteps(t *testing.T) {
	t.Helper()
	open := map[string]int{}
	for _, e := range w.events {
		switch e.Kind {
		case progress.Started:
			open[e.Step]++
		case progress.Done, progress.Failed:
			open[e.Step]--
		case progress.Updated:
			if open[e.Step] != 1 {
				t.Errorf("step %s moved while closed: %+v", e.Step, e)
			}
		}
	}
	for step, n := range open {
		if n != 0 {
			t.Errorf("step %s was left open", step)
		}
	}
}

// verifyWith are the options of a daemon that lets clients in by these authorities.
func verifyWith(authorities *x509.CertPool) x509.VerifyOptions {
	return x509.VerifyOptions{Roots: authorities, CurrentTime: noon, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
}

// engine is a daemon. Its mutex is for use from several goroutines.
type engine struct {
	refuse, infoErr, usageErr error
	contents                  daemon.Contents
	// work is what runs, one state after the other; then nothing, or the last
	// for ever. lost breaks the connection that is told of the first.
	work    []daemon.Activity
	endless bool
	lost    error

	mu    sync.Mutex
	asked []string // names of pods
	// credentials are the last that somebody came with.
	credentials *tls.Config
	closed      int
}

func (e *engine) Info(context.Context) (daemon.Info, error) {
	return daemon.Info{Version: "29.7.2", APIVersion: "1.52", StorageDriver: "overlay2", RootDir: dind.DataRoot, CgroupVersion: "2"}, e.infoErr
}

func (e *engine) DiskUsage(context.Context) (daemon.DiskUsage, error) {
	return daemon.DiskUsage{ImagesBytes: 3 << 30, BuildCacheBytes: 5 << 30, ReclaimableBytes: 2 << 30}, e.usageErr
}

func (e *engine) Contents(context.Context) (daemon.Contents, error) { return e.contents, e.usageErr }

func (e *engine) Activity(context.Context) (daemon.Activity, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.work) == 0 {
		return daemon.Activity{}, nil
	}
	return e.work[0], nil
}

func (e *engine) AwaitIdle(ctx context.Context, report func(daemon.Activity)) error {
	for {
		activity, err := e.Activity(ctx)
		if err != nil {
			return err
		}
		report(activity)
		if activity.Idle() {
			return nil
		}
		e.mu.Lock()
		lost := e.lost
		if e.lost = nil; len(e.work) > 1 || !e.endless {
			e.work = e.work[1:]
		}
		e.mu.Unlock()
		if lost != nil {
			return lost
		}
		if e.endless {
			<-ctx.Done()
			return ctx.Err()
		}
	}
}

func (e *engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed++
	return nil
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

var errDown = errors.New("connection refused")
