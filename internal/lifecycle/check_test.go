package lifecycle

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
	fakediscovery "k8s.io/client-go/discovery/fake"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/dind"
)

// lines returns the results, one line each.
func lines(results []CheckResult) (lines []string) {
	for _, r := range results {
		lines = append(lines, string(r.Outcome)+" "+r.Name+": "+r.Reason)
	}
	return lines
}

func TestCheckHealthyCluster(t *testing.T) {
	w := newWorld(t)
	checks, err := w.Check(t.Context(), options(nil), InstallOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"ok API server: Kubernetes v1.36.3",
		"ok pod admission: a privileged pod is admitted, if this user creates it",
		"ok prune admission: the Job's pod is admitted, if this user creates it",
		"ok storage class: standard (example.com/disk): binds when the pod is scheduled, cannot grow later",
		"ok verify admission: the Job's pod is admitted, if this user creates it",
		"ok names: available",
		"ok claim: will be created",
		"unknown network policy: unknown: the API does not show whether the network plugin enforces policies; `dindctl verify --from NAMESPACE` does",
	}
	got := slices.DeleteFunc(lines(checks.Results), func(line string) bool { return strings.HasPrefix(line, "ok permissions: all ") })
	if diff := cmp.Diff(want, got); diff != "" || len(checks.Results) != len(want)+1 {
		t.Error(diff)
	}
	if !checks.OK || checks.Namespace != "ci" || len(w.Writes()) > 0 {
		t.Errorf("got %+v, sent %q", checks, w.Writes())
	}
}

// Each case changes one thing and expects one result.
func TestCheck(t *testing.T) {
	tainted := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "worker"}}
	tainted.Spec.Taints = []corev1.Taint{{Key: "soft", Effect: corev1.TaintEffectPreferNoSchedule}, {Key: "dedicated", Value: "ci", Effect: corev1.TaintEffectNoSchedule}}
	cordoned := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "worker"}, Spec: corev1.NodeSpec{Unschedulable: true}}
	notReady := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "worker"}}
	notReady.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionUnknown}}
	smallDisk := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "worker"}}
	smallDisk.Status.Capacity = corev1.ResourceList{corev1.ResourceEphemeralStorage: resource.MustParse("60Gi")}
	fromSecret := func(o *dind.Options) { o.EnvFromSecrets = []string{"proxy"} }
	secret := func(keys ...string) *corev1.Secret {
		s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "proxy"}, Data: map[string][]byte{}}
		for _, key := range keys {
			s.Data[key] = []byte("value")
		}
		return s
	}
	claim := func(change func(*corev1.PersistentVolumeClaim)) *corev1.PersistentVolumeClaim {
		c := oldClaim()
		c.Name, c.Labels = "d-data", dind.Labels("d")
		change(c)
		return c
	}
	nfs := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "shared"}, Provisioner: "nfs.csi.k8s.io"}
	tolerating := func(taint string) func(*dind.Options) {
		return func(o *dind.Options) { local(o); o.Tolerations = []string{taint} }
	}
	forbidden := func(verb, resource string) func(*world) {
		return func(w *world) { refuse(w, verb, resource) }
	}
	admission := func(message string) func(*world) {
		return func(w *world) {
			w.PrependReactor("create", "pods", func(ktesting.Action) (bool, runtime.Object, error) {
				return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "d", errors.New(message))
			})
		}
	}
	tests := []struct {
		name    string
		objects []runtime.Object
		options func(*dind.Options)
		how     InstallOptions
		before  func(*world)
		want    string
	}{
		{"an old cluster", nil, nil, InstallOptions{}, func(w *world) {
			w.Discovery().(*fakediscovery.FakeDiscovery).FakedServerVersion = &version.Info{GitVersion: "v1.29.15+k3s1"}
		}, "warning API server: Kubernetes v1.29.15+k3s1 is older than 1.30.0, the oldest version dindctl supports"},
		{"no permission to create Deployments", nil, nil, InstallOptions{}, denies("create deployments.apps"), "failed permissions: missing permission create deployments.apps in namespace ci"},
		{"no permission to exec in pods", nil, nil, InstallOptions{}, denies("create pods/exec"),
			"warning permissions: missing permission create pods/exec in namespace ci (needed for showing the disk size in status, and waiting for pushes and pulls with --when-idle)"},
		{"no permission to create namespaces", nil, nil, InstallOptions{CreateNamespace: true}, denies("create namespaces"),
			"failed permissions: missing permission create namespaces in the cluster"},
		{"Pod Security refuses the pod", nil, nil, InstallOptions{}, admission(`violates PodSecurity "baseline:latest": privileged`),
			`failed pod admission: the cluster refuses the pod: pods "d" is forbidden: violates PodSecurity "baseline:latest": privileged`},
		{"a quota refuses the pod", nil, nil, InstallOptions{}, admission("exceeded quota: q"), `failed pod admission: the cluster refuses the pod: pods "d" is forbidden: exceeded quota: q`},
		{"no permission to create pods", nil, nil, InstallOptions{}, admission(`User "jane" cannot create resource "pods" in API group ""`),
			"unknown pod admission: unknown: this user may not create pods, not even as a dry run (the Deployment's controller may)"},
		{"a new namespace", nil, nil, InstallOptions{}, admission("error looking up service account ci/default"),
			"unknown pod admission: unknown: the namespace is too new, it has no service account yet"},
		{"no namespace", nil, nil, InstallOptions{}, noNamespace, "failed pod admission: namespace ci does not exist"},
		{"no namespace yet", nil, nil, InstallOptions{CreateNamespace: true}, noNamespace, "unknown pod admission: unknown until the namespace exists"},
		{"storage class does not exist", nil, func(o *dind.Options) { o.StorageClass = "fast" }, InstallOptions{}, nil, `failed storage class: class "fast" does not exist`},
		{"a network file system", []runtime.Object{nfs}, func(o *dind.Options) { o.StorageClass = "shared" }, InstallOptions{}, nil,
			"warning storage class: shared provisions a network file system (nfs.csi.k8s.io): overlay2 does not work on one"},
		{"no permission to list storage classes", nil, nil, InstallOptions{}, forbidden("list", "storageclasses"), "unknown storage class: unknown: this user may not list StorageClasses"},
		{"node does not exist", nil, local, InstallOptions{}, nil, `failed node: node "worker" does not exist`},
		{"a cordoned node", []runtime.Object{cordoned}, local, InstallOptions{}, nil, "failed node: node worker is cordoned"},
		{"a tainted node", []runtime.Object{tainted}, local, InstallOptions{}, nil, "failed node: node worker has the taint dedicated=ci:NoSchedule"},
		{"a tolerated taint", []runtime.Object{tainted}, tolerating("dedicated=ci:NoSchedule"), InstallOptions{}, nil, "ok node: worker () can take the pod"},
		{"a taint tolerated with any value", []runtime.Object{tainted}, tolerating("dedicated"), InstallOptions{}, nil, "ok node: worker () can take the pod"},
		{"another taint is tolerated", []runtime.Object{tainted}, tolerating("dedicated=other:NoSchedule"), InstallOptions{}, nil, "failed node: node worker has the taint dedicated=ci:NoSchedule"},
		{"a node that is not ready", []runtime.Object{notReady}, local, InstallOptions{}, nil, "failed node: node worker is not ready"},
		{"a node whose disk is smaller than the claim", []runtime.Object{smallDisk}, local, InstallOptions{}, nil,
			"warning node: the node's own disk has 60 GiB, but the claim 100 GiB: unless /mnt/docker is on another disk, the limits are smaller"},
		{"a node whose disk has the size of the claim", []runtime.Object{smallDisk}, func(o *dind.Options) { local(o); o.StorageSize = "60Gi" }, InstallOptions{}, nil,
			"ok node: worker () can take the pod"},
		{"no permission to read nodes", nil, local, InstallOptions{}, forbidden("get", "nodes"), "unknown node: unknown: this user may not read Nodes"},
		{"Secret for variables does not exist", nil, fromSecret, InstallOptions{}, nil,
			"failed secrets: Secret proxy (--env-from-secret) does not exist: the daemon would not start"},
		{"a Secret for variables", []runtime.Object{secret("HTTPS_PROXY", "DOCKER_TLS_CERTDIR")}, fromSecret, InstallOptions{}, nil, "ok secrets: proxy exists and has 2 keys"},
		{"Secret with a reserved variable", []runtime.Object{secret("DOCKER_HOST")}, fromSecret, InstallOptions{}, nil,
			"failed secrets: Secret proxy has a key DOCKER_HOST, which changes the address that the probes use"},
		{"no permission to read Secrets", nil, fromSecret, InstallOptions{}, forbidden("get", "secrets"),
			"unknown secrets: unknown whether proxy exists: this user may not read Secrets"},
		{"image pull Secret does not exist", nil, func(o *dind.Options) { o.ImagePullSecrets = []string{"key"} }, InstallOptions{}, nil,
			"warning secrets: Secret key (--image-pull-secret) does not exist"},
		{"names in use", []runtime.Object{&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "d"}}}, nil, InstallOptions{}, nil,
			"failed names: in use by objects that dindctl did not create: service/d"},
		{"existing claim does not exist", nil, func(o *dind.Options) { o.ExistingClaim = "gone" }, InstallOptions{}, nil, "failed claim: --existing-claim gone does not exist"},
		{"a claim that is being deleted", []runtime.Object{claim(func(c *corev1.PersistentVolumeClaim) {
			c.DeletionTimestamp, c.Finalizers = new(metav1.Now()), []string{"x"}
		})}, nil, InstallOptions{}, nil, "failed claim: Claim d-data is being deleted: when the last pod that uses it stops, the claim is gone, and unless its volume is kept, so is the cache."},
		{"a claim without its volume", []runtime.Object{claim(func(c *corev1.PersistentVolumeClaim) { c.Status.Phase, c.Spec.VolumeName = corev1.ClaimLost, "pv" })},
			nil, InstallOptions{}, nil, "failed claim: d-data has lost its volume pv"},
		{"a ReadWriteMany claim", []runtime.Object{claim(func(c *corev1.PersistentVolumeClaim) {
			c.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}
		})}, nil, InstallOptions{}, nil, "warning claim: d-data is ReadWriteMany, which is usually a network file system: overlay2 does not work on one"},
		{"no network policy", nil, func(o *dind.Options) { o.NoNetworkPolicy = true }, InstallOptions{}, nil, "warning network policy: disabled"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.objects...)
			if test.before != nil {
				test.before(w)
			}
			checks, err := w.Check(t.Context(), options(test.options), test.how)
			if err != nil {
				t.Fatal(err)
			}
			got := lines(checks.Results)
			if !slices.Contains(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
			if failed := strings.HasPrefix(test.want, "failed "); checks.OK == failed {
				t.Errorf("OK: %v", checks.OK)
			}
			for _, result := range checks.Results {
				if result.Outcome == OutcomeFailed && result.Hint == "" {
					t.Errorf("%s failed without a hint", result.Name)
				}
			}
		})
	}
}

func noNamespace(w *world) {
	w.PrependReactor("create", "pods", func(ktesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "ci")
	})
}

// A check without an answer ends at its deadline.
func TestCheckDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := check{"slow", func(ctx context.Context, _ checkInput) []CheckResult {
			<-ctx.Done()
			return unknown(ctx.Err())
		}}
		began := time.Now()
		results := runChecks(t.Context(), []check{slow, {"quick", func(context.Context, checkInput) []CheckResult { return ok("fine") }}}, checkInput{})
		if diff := cmp.Diff([]string{"unknown slow: unknown: no answer within 10s", "ok quick: fine"}, lines(results)); diff != "" {
			t.Error(diff)
		}
		if took := time.Since(began); took != checkDeadline {
			t.Errorf("took %s", took)
		}
	})
}
