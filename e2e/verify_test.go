//go:build e2e

package e2e

import (
	"context"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// verified is the document of `dindctl verify -o json`.
type verified struct {
	Namespace, From, Job, DockerHost string
	Reached, Expected, Cached        bool
	Cold, Warm                       *struct {
		Seconds     float64
		CachedSteps int
	}
	Steps           int
	DurationSeconds float64
	Error           *struct {
		Code                  int
		Reason, Message, Hint string
	}
}

// inDaemon lists the IDs of the daemon's images and build cache records.
func (i *installation) inDaemon(t *testing.T) string {
	t.Helper()
	return i.job(t, `docker image ls --all --quiet --no-trunc | sort; docker buildx du --verbose | sed -n 's/^ID:[[:space:]]*//p' | sort`).want(t).log
}

// checkNoJob checks that verify left no Job and no pod in the namespace.
func checkNoJob(t *testing.T, namespace string) {
	t.Helper()
	of := metav1.ListOptions{LabelSelector: "app.kubernetes.io/component=verify"}
	jobs, err := env.cluster.BatchV1().Jobs(namespace).List(t.Context(), of)
	must(t, err)
	pods, err := env.cluster.CoreV1().Pods(namespace).List(t.Context(), of)
	must(t, err)
	if len(jobs.Items)+len(pods.Items) > 0 {
		t.Errorf("namespace %s still has jobs %v and pods %v", namespace, jobs.Items, pods.Items)
	}
}

// verify connects and builds like a CI job, with each engine, and reports the
// times of both builds. It leaves nothing in the cluster or in the daemon, even
// if it is interrupted.
func TestVerify(t *testing.T) {
	t.Parallel()
	for _, image := range env.images {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			i := newInstallation(t, image)
			i.install(t, "--create-namespace", "--verify", "job")
			i.buildsCold(t, "app")
			before := i.inDaemon(t)

			text := succeed(t, i.command("verify", "-v")...).says(t, "trying tcp://", "from the cache")
			for _, words := range []string{"first ", "second ", "0 of 2 steps", "2 of 2 steps", i.variables["DOCKER_HOST"]} {
				contains(t, "stdout", text.stdout, words)
			}
			v := decode[verified](t, succeed(t, i.command("verify", "-o", "json")...))
			if !v.Reached || !v.Expected || !v.Cached || v.Namespace != i.namespace || v.From != i.namespace || v.DockerHost != i.variables["DOCKER_HOST"] || v.Job == "" {
				t.Errorf("got %+v", v)
			}
			if v.Cold == nil || v.Warm == nil || v.Cold.CachedSteps != 0 || v.Warm.CachedSteps != v.Steps || v.Warm.Seconds <= 0 || v.Cold.Seconds <= 0 {
				t.Errorf("builds %+v and %+v of %d steps", v.Cold, v.Warm, v.Steps)
			}
			checkNoJob(t, i.namespace)

			running := prepare(t, nil, i.command("verify", "-v")...).start(t)
			eventually(t, "the job's builds", func(context.Context) (bool, error) {
				return strings.Contains(running.stderr.String(), ": reached"), nil
			})
			must(t, running.Process.Signal(syscall.SIGINT))
			running.wait(t).want(t, interrupted)
			checkNoJob(t, i.namespace)

			equal(t, "images and cache records", i.inDaemon(t), before)
			i.buildsCached(t, "app", "after verify")
		})
	}
}

// From another namespace, the result that verify expects depends on the
// NetworkPolicy.
func TestVerifyFrom(t *testing.T) {
	t.Parallel()
	allowed, other := inNewNamespace(t, nil).namespace, inNewNamespace(t, nil).namespace
	i := install(t, env.newest(), "--allow-namespace", allowed)
	from := func(namespace string, code int) verified {
		return decode[verified](t, dindctl(t, i.command("verify", "--from", namespace, "-o", "json")...).want(t, code))
	}
	if v := from(allowed, done); !v.Reached || !v.Expected || !v.Cached || v.From != allowed {
		t.Errorf("from an allowed namespace: %+v", v)
	}
	dindctl(t, i.command("verify", "--from", "nowhere-at-all")...).want(t, notReady).says(t, "--from")

	caller := startCaller(t, other, nil)
	t.Run("policy enforced", func(t *testing.T) {
		awaitEnforced(t, caller, i.address(t))
		if v := from(other, done); v.Reached || v.Expected || v.Cold != nil {
			t.Errorf("from another namespace: %+v", v)
		}
		contains(t, "stdout", succeed(t, i.command("verify", "--from", other)...).stdout, "cannot reach", "the NetworkPolicy is enforced")
	})
	t.Run("policy without effect", func(t *testing.T) {
		// What one policy allows, another cannot forbid.
		open := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: "open"}}
		open.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}}
		policies := env.cluster.NetworkingV1().NetworkPolicies(i.namespace)
		_, err := policies.Create(t.Context(), open, metav1.CreateOptions{})
		must(t, err)
		awaitReached(t, caller, i.address(t))
		v := from(other, notReady)
		if v.Error == nil || v.Error.Reason != "PolicyNotEnforced" {
			t.Fatalf("from another namespace: %+v", v)
		}
		contains(t, "message", v.Error.Message, "the network plugin does not enforce policies, or another policy allows it")
		must(t, policies.Delete(t.Context(), "open", metav1.DeleteOptions{}))
	})
	t.Run("no policy", func(t *testing.T) {
		i.install(t, "--no-network-policy")
		if v := from(other, done); !v.Reached || !v.Expected || !v.Cached {
			t.Errorf("from another namespace: %+v", v)
		}
	})
	for _, namespace := range []string{i.namespace, allowed, other} {
		checkNoJob(t, namespace)
	}
}

// verify reports each failure with a reason and a hint.
func TestVerifyExplainsFailures(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest())
	fails := func(t *testing.T, reason string, words ...string) {
		t.Helper()
		r := dindctl(t, i.command("verify", "-o", "json")...).want(t, notReady)
		v := decode[verified](t, r)
		if v.Error == nil || v.Error.Reason != reason || v.Error.Hint == "" {
			t.Fatalf("want reason %s:\n%s", reason, r.stdout)
		}
		for _, word := range words {
			contains(t, "message", v.Error.Message, word)
		}
		checkNoJob(t, i.namespace)
	}
	core := env.cluster.CoreV1()
	t.Run("quota", func(t *testing.T) {
		quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "one-pod"}}
		quota.Spec.Hard = corev1.ResourceList{corev1.ResourcePods: resource.MustParse("1")}
		_, err := core.ResourceQuotas(i.namespace).Create(t.Context(), quota, metav1.CreateOptions{})
		must(t, err)
		eventually(t, "the quota to be counted", func(ctx context.Context) (bool, error) {
			quota, err := core.ResourceQuotas(i.namespace).Get(ctx, "one-pod", metav1.GetOptions{})
			return err == nil && len(quota.Status.Used) > 0, err
		})
		fails(t, "QuotaExceeded", "refuses the job's pod", "exceeded quota")
		must(t, core.ResourceQuotas(i.namespace).Delete(t.Context(), "one-pod", metav1.DeleteOptions{}))
	})
	t.Run("Service routes elsewhere", func(t *testing.T) {
		i.routeNowhere(t)
		fails(t, "ConnectionRefused", "is refused at "+i.variables["DOCKER_HOST"])
	})
	t.Run("no Service", func(t *testing.T) {
		must(t, core.Services(i.namespace).Delete(t.Context(), i.name, metav1.DeleteOptions{}))
		fails(t, "ServiceMissing", "cannot resolve the Service's name")
	})
	t.Run("daemon down", func(t *testing.T) {
		patch := []byte(`{"spec":{"replicas":0}}`)
		_, err := env.cluster.AppsV1().Deployments(i.namespace).Patch(t.Context(), i.name, types.MergePatchType, patch, metav1.PatchOptions{})
		must(t, err)
		dindctl(t, i.command("verify")...).want(t, notReady).says(t, "deployment/"+i.name+" is not ready")
	})
	t.Run("repaired", func(t *testing.T) {
		i.install(t)
		succeed(t, i.command("verify")...)
	})
}

// routeNowhere makes the Service route to a port where nothing listens.
func (i *installation) routeNowhere(t *testing.T) {
	t.Helper()
	patch := []byte(`[{"op":"replace","path":"/spec/ports/0/targetPort","value":9}]`)
	_, err := env.cluster.CoreV1().Services(i.namespace).Patch(t.Context(), i.name, types.JSONPatchType, patch, metav1.PatchOptions{})
	must(t, err)
	// The node takes a moment to apply the new port: a client could reach the daemon before.
	runPod(t, i.namespace, jobPod(i.image, i.variables, "while docker version >/dev/null 2>&1; do sleep 0.2; done")).want(t)
}
