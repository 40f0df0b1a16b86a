//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// A claim that another installation uses, or that was given, outlives uninstall
// --delete-data, and the installation on it keeps running.
func TestForeignClaims(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest())
	claim, pod := i.claim(t), i.pod(t)
	builder := &installation{namespace: i.namespace, name: "builder", image: i.image}
	onClaim := []string{"--existing-claim", claim.Name}
	unharmed := func(when string) {
		t.Helper()
		now := i.claim(t)
		if now.UID != claim.UID || now.DeletionTimestamp != nil {
			t.Errorf("%s: the claim was deleted", when)
		}
	}
	builder.failedInstall(t, onClaim...).finds(t, "claim in use", claim.Name+" is used by deployment/"+i.name)
	equal(t, "objects after the refusal", builder.leftOver(t), nil)

	// A Deployment uses the claim even if it has no running pod.
	builder.install(t, append(onClaim, "--skip-preflight", "--no-wait", "--node-selector", "e2e.dindctl.test/none=here")...)
	r := succeed(t, i.command("uninstall", "--delete-data", "--yes", "--dry-run")...)
	contains(t, "the dry run", r.stdout, claim.Name+" kept (used by deployment/builder)")
	r = succeed(t, builder.command("uninstall", "--delete-data", "--yes")...)
	contains(t, "uninstall", r.stdout, claim.Name+" kept (given with --existing-claim")
	unharmed("after uninstalling the other installation")
	equal(t, "the daemon's pod", i.pod(t).UID, pod.UID)
	if s := statusOf(t, i); !s.Healthy {
		t.Errorf("not healthy: %+v", s.Problems)
	}

	// The claim that an earlier installation left is given to another one.
	succeed(t, i.command("uninstall")...)
	builder.install(t, append(onClaim, "--no-wait")...)
	succeed(t, builder.command("uninstall", "--delete-data", "--yes")...)
	equal(t, "objects of the other installation", builder.leftOver(t), nil)
	unharmed("after the other installation used it")
	succeed(t, i.command("uninstall", "--delete-data", "--yes")...)
	equal(t, "remaining objects", i.leftOver(t), nil)
}

// Somebody deletes the claim under the running daemon. Kubernetes keeps it while the pod
// runs: install and uninstall refuse what would end the pod, and say how to keep the
// volume.
func TestClaimTerminating(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest())
	claim, pod := i.claim(t), i.pod(t)
	must(t, env.cluster.CoreV1().PersistentVolumeClaims(i.namespace).Delete(t.Context(), claim.Name, metav1.DeleteOptions{}))
	volume := claim.Spec.VolumeName
	for _, options := range [][]string{
		{"--env", "E2E=changed"}, {"--env", "E2E=changed", "--skip-preflight"}, {"--existing-claim", claim.Name}, {"--dry-run"},
	} {
		f := i.failedInstall(t, options...).names(t, "ClaimTerminating", claim.Name)
		contains(t, "hint", f.Hint, "kubectl patch pv "+volume, `{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}`)
	}
	// So does an uninstall that is to keep the data.
	r := dindctl(t, i.command("uninstall", "-o", "json")...).want(t, notReady)
	failureOf(t, r).names(t, "ClaimTerminating", claim.Name)
	now := i.pod(t)
	if now.UID != pod.UID || now.DeletionTimestamp != nil {
		t.Error("the pod was replaced")
	}

	// The hint keeps the volume.
	volumes := env.cluster.CoreV1().PersistentVolumes()
	_, err := volumes.Patch(t.Context(), volume, types.MergePatchType, []byte(`{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}`), metav1.PatchOptions{})
	must(t, err)
	succeed(t, i.command("uninstall")...)
	eventually(t, "the volume to be released", func(ctx context.Context) (bool, error) {
		found, err := volumes.Get(ctx, volume, metav1.GetOptions{})
		return err == nil && found.Status.Phase == corev1.VolumeReleased, err
	})
}

// An install without the option that named the claim does not move the daemon to a new,
// empty claim.
func TestMoveRefused(t *testing.T) {
	t.Parallel()
	i := newInstallation(t, env.newest())
	createNamespace(t, i.namespace)
	makeClaim(t, i.namespace, "handmade")
	i.install(t, "--existing-claim", "handmade")
	i.settle(t)
	before := i.objects(t)
	dindctl(t, i.command("install", i.installOptions()...)...).want(t, failed).says(t, "--existing-claim handmade", "--allow-data-root-change")
	equal(t, "objects after the refusal", i.objects(t), before)
	i.install(t, "--existing-claim", "handmade")
}

// The NetworkPolicy protects the daemon's port until its pod is gone.
func TestPolicyOutlivesThePod(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest())
	pods := env.cluster.CoreV1().Pods(i.namespace)
	pod := i.pod(t).Name
	hold := func(ctx context.Context, finalizers string) error {
		_, err := pods.Patch(ctx, pod, types.MergePatchType, []byte(`{"metadata":{"finalizers":`+finalizers+`}}`), metav1.PatchOptions{})
		return err
	}
	must(t, hold(t.Context(), `["`+finalizer+`"]`))
	// Also after a failure, or the namespace could not be removed.
	t.Cleanup(func() { _ = hold(context.Background(), "null") })
	c := prepare(t, nil, i.command("uninstall")...).start(t)
	eventually(t, "the deletion of the pod and the Service", func(ctx context.Context) (bool, error) {
		found, err := pods.Get(ctx, pod, metav1.GetOptions{})
		if err != nil || found.DeletionTimestamp == nil {
			return false, err
		}
		_, err = env.cluster.CoreV1().Services(i.namespace).Get(ctx, i.name, metav1.GetOptions{})
		return apierrors.IsNotFound(err), ignoreNotFound(err)
	})
	policy, err := env.cluster.NetworkingV1().NetworkPolicies(i.namespace).Get(t.Context(), i.name, metav1.GetOptions{})
	if err != nil || policy.DeletionTimestamp != nil {
		t.Errorf("the policy is gone before the pod: %v", err)
	}
	must(t, hold(t.Context(), "null"))
	r := c.wait(t).want(t, done)
	if !strings.Contains(r.stdout, "networkpolicy/"+i.name+" removed") {
		t.Errorf("stdout: %s", r.stdout)
	}
	equal(t, "remaining objects", i.leftOver(t), []string{"persistentvolumeclaim/" + i.name + "-data"})
}
