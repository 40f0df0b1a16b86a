package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/rollout"
)

var (
	services  = corev1.SchemeGroupVersion.WithResource("services")
	cronJobs  = batchv1.SchemeGroupVersion.WithResource("cronjobs")
	policies  = networkingv1.SchemeGroupVersion.WithResource("networkpolicies")
	slicesOf  = discoveryv1.SchemeGroupVersion.WithResource("endpointslices")
	crowded   = "4096 26214400 1310720 6553600 6225920\n" // 95% of the blocks
	wideOpen  = networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{{}}}
	deletedAt = metav1.NewTime(noon)
)

// edit returns a function that changes an object as somebody else would.
func edit[T runtime.Object](resource schema.GroupVersionResource, name string, how func(T)) func(*testing.T, *world) {
	return func(t *testing.T, w *world) { change(t, w, resource, name, how) }
}

// Each case is a state in which builds fail, or in which more clients reach the daemon
// than the options allow, although the pod is ready.
func TestStatusTellsTheTruth(t *testing.T) {
	prints := func(out string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) { w.withExec(t, clustertest.Prints(out)) }
	}
	restarts := func(n int32) func(*testing.T, *world) {
		return edit(pods, "d-abc-1", func(p *corev1.Pod) {
			p.CreationTimestamp = metav1.NewTime(noon.Add(-time.Hour))
			p.Status.ContainerStatuses[0].RestartCount = n
			p.Status.ContainerStatuses[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 1, FinishedAt: metav1.NewTime(noon)}
		})
	}
	grows := func(change func(*corev1.PersistentVolumeClaim)) func(*testing.T, *world) {
		return edit(claims, "d-data", func(c *corev1.PersistentVolumeClaim) {
			c.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Ti")}
			change(c)
		})
	}
	other := func(spec networkingv1.NetworkPolicySpec) func(*testing.T, *world) {
		return func(_ *testing.T, w *world) {
			w.Add(&networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "other"}, Spec: spec})
		}
	}
	for _, test := range []struct {
		name     string
		damage   func(*testing.T, *world)
		problems []string
	}{
		{"the disk is full", prints(crowded), []string{"error DiskFull pod/d-abc-1"}},
		{"the disk is above the high-water mark", prints("4096 100 15 0 0"), []string{"warning DiskAlmostFull pod/d-abc-1"}},
		{"the disk is below the high-water mark", prints("4096 100 16 0 0"), nil},
		{"no inodes", prints("4096 100 90 100 5"), []string{"error InodesFull pod/d-abc-1"}},
		{"few inodes", prints("4096 100 90 100 15"), []string{"warning InodesAlmostFull pod/d-abc-1"}},
		{"a read-only disk", prints(clustertest.StatOutput + "read-only\n"), []string{"error ReadOnlyFileSystem pod/d-abc-1"}},
		{"the sizes are late", func(_ *testing.T, w *world) { w.engine.UsageErr = fmt.Errorf("df: %w", context.DeadlineExceeded) },
			[]string{"warning DiskUsageLate pod/d-abc-1"}},
		{"a forgotten container", func(_ *testing.T, w *world) {
			w.engine.Left.Containers = append(clustertest.Running(noon.Add(-25*time.Hour), "web"), clustertest.Running(noon.Add(-time.Hour), "db")...)
		}, []string{"warning OldContainers pod/d-abc-1"}},
		{"a container of today", func(_ *testing.T, w *world) {
			w.engine.Left.Containers = clustertest.Running(noon.Add(-23*time.Hour), "web")
		}, nil},
		{"no list of containers", func(_ *testing.T, w *world) { w.engine.LeftErr = errDown }, []string{"warning LeftoversUnknown pod/d-abc-1"}},

		{"the claim is being deleted", edit(claims, "d-data", func(c *corev1.PersistentVolumeClaim) { c.DeletionTimestamp = &deletedAt }),
			[]string{"error ClaimTerminating persistentvolumeclaim/d-data"}},
		{"the Service is being deleted", edit(services, "d", func(s *corev1.Service) { s.DeletionTimestamp, s.Finalizers = &deletedAt, []string{"example.com/x"} }),
			[]string{"error Terminating service/d"}},
		{"the volume grows", grows(func(*corev1.PersistentVolumeClaim) {}), []string{"warning ResizePending persistentvolumeclaim/d-data"}},
		{"the volume cannot grow", grows(func(c *corev1.PersistentVolumeClaim) {
			c.Status.Conditions = []corev1.PersistentVolumeClaimCondition{{Type: "ControllerResizeError", Status: corev1.ConditionTrue}}
		}), []string{"error ResizeFailed persistentvolumeclaim/d-data"}},
		{"the resizer reports a failure", func(t *testing.T, w *world) {
			grows(func(*corev1.PersistentVolumeClaim) {})(t, w)
			event := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "e"}, Reason: "VolumeResizeFailed", Message: "no quota", LastTimestamp: metav1.NewTime(time.Now().Add(time.Hour))}
			event.InvolvedObject.UID = "persistentvolumeclaims/d-data"
			w.Add(event)
		}, []string{"error ResizeFailed persistentvolumeclaim/d-data"}},
		{"the daemon restarted", restarts(1), []string{"warning Restarted pod/d-abc-1"}},
		{"the daemon keeps crashing", restarts(3), []string{"error Restarted pod/d-abc-1"}},

		{"another backend", edit(slicesOf, "d-x", func(s *discoveryv1.EndpointSlice) {
			s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{TargetRef: &corev1.ObjectReference{Name: "copy", UID: "copy"}})
		}), []string{"error OtherBackend service/d"}},
		{"another target port", edit(slicesOf, "d-x", func(s *discoveryv1.EndpointSlice) { s.Ports[0].Port = new(int32(9999)) }),
			[]string{"error NoEndpoint service/d"}},
		{"another port", edit(services, "d", func(s *corev1.Service) { s.Spec.Ports[0].Port = 12375 }), []string{"error ServicePort service/d"}},
		{"no name for the pod", func(t *testing.T, w *world) {
			change(t, w, deployments, "d", func(d *appsv1.Deployment) { d.Annotations[dind.OptionsAnnotation] = `{"publish-ports":"20000-29999"}` })
			if err := w.Tracker().Delete(services, "ci", "d-pods"); err != nil {
				t.Fatal(err)
			}
		}, []string{"error PodsServiceMissing service/d-pods"}},
		{"a NodePort", edit(services, "d", func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeNodePort }), []string{"error ServiceExposed service/d"}},
		{"external IPs", edit(services, "d", func(s *corev1.Service) { s.Spec.ExternalIPs = []string{"203.0.113.7"} }), []string{"error ServiceExposed service/d"}},
		{"addresses that are not ready", edit(services, "d", func(s *corev1.Service) { s.Spec.PublishNotReadyAddresses = true }),
			[]string{"warning NotReadyAddresses service/d"}},
		{"another policy opens the port", other(wideOpen), []string{"error PolicyOpens networkpolicy/other"}},
		{"another policy for other pods", other(networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}, Ingress: wideOpen.Ingress,
		}), nil},
		{"its policy was opened", edit(policies, "d", func(p *networkingv1.NetworkPolicy) { p.Spec.Ingress[0].From = nil }),
			[]string{"error PolicyOpens networkpolicy/d"}},
		{"no permission to list policies", func(_ *testing.T, w *world) { refuse(w, "list", "networkpolicies") },
			[]string{"warning PoliciesUnknown networkpolicy/d"}},

		{"a suspended CronJob", edit(cronJobs, "d-clear-cache", func(c *batchv1.CronJob) { c.Spec.Suspend = new(true) }),
			[]string{"error Suspended cronjob/d-clear-cache"}},
		{"hostNetwork", edit(deployments, "d", func(d *appsv1.Deployment) { d.Spec.Template.Spec.HostNetwork = true }),
			[]string{"error PodExposed deployment/d"}},
		{"hostPort", edit(deployments, "d", func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Ports[0].HostPort = 2375 }),
			[]string{"error PodExposed deployment/d"}},
		{"two replicas", edit(deployments, "d", func(d *appsv1.Deployment) {
			d.Spec.Replicas = new(int32(2))
			d.Status.Replicas, d.Status.UpdatedReplicas, d.Status.AvailableReplicas = 2, 2, 2
		}), []string{"error Replicas deployment/d"}},
		{"a paused Deployment", edit(deployments, "d", func(d *appsv1.Deployment) { d.Spec.Paused = true }), []string{"warning Paused deployment/d"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := statusWorld(t)
			test.damage(t, w)
			status, err := w.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			checkProblems(t, status, test.problems...)
			if failed := strings.HasPrefix(strings.Join(test.problems, ""), "error"); status.Healthy == failed {
				t.Errorf("healthy: %v", status.Healthy)
			}
			if status.Daemon == nil {
				t.Error("the daemon was not asked")
			}
		})
	}
}

// An installation without the annotation is compared only with what is certain.
func TestStatusOfOlderInstallations(t *testing.T) {
	w := statusWorld(t)
	change(t, w, deployments, "d", func(d *appsv1.Deployment) { delete(d.Annotations, dind.OptionsAnnotation) })
	_ = w.Tracker().Delete(policies, "ci", "d")
	_ = w.Tracker().Delete(cronJobs, "ci", "d-clear-cache")
	status, err := w.Status(t.Context())
	if err != nil || !status.Healthy {
		t.Errorf("got %+v, %v", status.Problems, err)
	}
	change(t, w, services, "d", func(s *corev1.Service) { s.Spec.ExternalIPs = []string{"203.0.113.7"} })
	if status, err = w.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkProblems(t, status, "error ServiceExposed service/d")
}

// What was not asked for is not missed.
func TestStatusOfAnInstallationWithoutPolicyAndSchedule(t *testing.T) {
	w := installedWorld(t, func(o *dind.Options) { o.NoNetworkPolicy, o.PruneSchedule = true, dind.NoSchedule })
	w.withExec(t, clustertest.Prints(clustertest.StatOutput))
	w.Add(&networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "other"}, Spec: wideOpen})
	if status, err := w.Status(t.Context()); err != nil || !status.Healthy || len(status.Problems) > 0 {
		t.Errorf("got %+v, %v", status.Problems, err)
	}
}

// The state of an object that is being deleted is not Bound.
func TestStatusShowsTerminatingObjects(t *testing.T) {
	w := statusWorld(t)
	change(t, w, claims, "d-data", func(c *corev1.PersistentVolumeClaim) { c.DeletionTimestamp = &deletedAt })
	status, err := w.Status(t.Context())
	if err != nil || status.Objects[0].State != "Terminating" || status.Objects[0].Ready {
		t.Errorf("got %+v, %v", status.Objects, err)
	}
}

// A pod that waits for the lock says so itself, also when the event is gone; and an event
// does not count any more when the pod has the lock.
func TestStatusOfADaemonThatWaitsForTheLock(t *testing.T) {
	data, err := dind.Build(options(nil), dind.Live{})
	if err != nil {
		t.Fatal(err)
	}
	if encoded, err := data.YAML(); err != nil || !strings.Contains(string(encoded), rollout.LockHeld) {
		t.Errorf("the scripts do not say %q: %v", rollout.LockHeld, err)
	}
	starting := func(t *testing.T, out string, events ...runtime.Object) []string {
		w := statusWorld(t)
		w.withExec(t, clustertest.Prints(out))
		change(t, w, deployments, "d", func(d *appsv1.Deployment) { d.Status.AvailableReplicas = 0 })
		change(t, w, pods, "d-abc-1", func(p *corev1.Pod) { p.Status.Conditions = nil })
		w.Add(events...)
		status, err := w.Status(t.Context())
		if err != nil || status.Healthy {
			t.Fatalf("got %+v, %v", status, err)
		}
		var reasons []string
		for _, p := range status.Problems {
			reasons = append(reasons, p.Reason)
		}
		return reasons
	}
	event := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "e"}, Reason: "Unhealthy", Message: "Startup probe failed: " + rollout.LockHeld}
	event.InvolvedObject.UID = "pod"
	if got := starting(t, rollout.LockHeld+"\n"); !slices.Equal(got, []string{"LockHeld"}) {
		t.Errorf("without an event: %q", got)
	}
	if got := starting(t, "", event); !slices.Equal(got, []string{"NotReady"}) {
		t.Errorf("with an old event: %q", got)
	}
}

// hanging is an engine that never answers how much its disk holds.
type hanging struct{ *clustertest.Engine }

func (hanging) DiskUsage(ctx context.Context) (daemon.DiskUsage, error) {
	<-ctx.Done()
	return daemon.DiskUsage{}, ctx.Err()
}

// The sizes have 15 seconds; the rest is shown without them.
func TestDiskUsageHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		usage, err := diskUsage(t.Context(), hanging{})
		if usage != nil || !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != usageTime {
			t.Errorf("got %v, %v after %v", usage, err, time.Since(began))
		}
	})
}
