package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/clustertest"
)

// status warns where the disk cannot hold the limits, and before addresses run out. The
// disk of the world has 100 GiB.
func TestStatusOfLimits(t *testing.T) {
	for _, test := range []struct {
		name, records string
		networks      int64
		problem       string
		words         string
	}{
		{"as configured", "H|85\nC|80530636800|80530636800\nA|255\n", 3, "", ""},
		{"a pod of an earlier version", "", 300, "", ""},
		{"the overhead of a file system", "H|85\nC|78000000000|80530636800\n", 0, "", ""},
		{"a disk that is smaller than the claim", "H|85\nC|32212254720|80530636800\n", 0,
			"warning DiskSmallerThanClaim pod/d-abc-1", "limited to 30 GiB, and not to 75 GiB"},
		{"the node's disk", "N|1\nH|80\nC|80530636800|80530636800\n", 0, "", ""},
		{"the node's disk, with a higher threshold", "N|1\nH|90\nC|80530636800|80530636800\n", 0, "warning NodeDisk pod/d-abc-1", "From 85% on the kubelet evicts pods"},
		{"the node's disk, without a threshold", "N|1\nC|80530636800|80530636800\n", 0, "warning NodeDisk pod/d-abc-1", "--high-water"},
		{"many networks", "A|255\n", 203, "", ""},
		{"too many networks", "A|255\n", 204, "warning NetworksAlmostFull pod/d-abc-1", "has 204 networks, and the address pools hold 255"},
		{"no network left", "A|255\n", 255, "warning NetworksFull pod/d-abc-1", "`docker network create` and `docker compose up` fail"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := statusWorld(t)
			w.withExec(t, clustertest.Prints(clustertest.StatOutput+test.records))
			w.engine.NetworkCount = test.networks
			status, err := w.Status(t.Context())
			if err != nil || !status.Healthy {
				t.Fatalf("%v, %+v", err, status.Problems)
			}
			var want []string
			if test.problem != "" {
				want = []string{test.problem}
			}
			checkProblems(t, status, want...)
			if !strings.Contains(fmt.Sprint(status.Problems), test.words) {
				t.Errorf("got %+v", status.Problems)
			}
		})
	}
}

// Install says it as well, but only if it started the daemon.
func TestInstallOnSmallDisk(t *testing.T) {
	w := newWorld(t)
	w.PrependReactor("get", "pods", func(action ktesting.Action) (bool, runtime.Object, error) {
		log := "2026-11-21T11:59:00Z dindctl: the build cache may use 32212254720 bytes and not 80530636800: the file system of the data root has 42949672960\n"
		return action.GetSubresource() == "log", &runtime.Unknown{Raw: []byte(log)}, nil
	})
	const warning = "warning: The file system of the data root has only 40 GiB: the build cache is limited to 30 GiB, and not to 75 GiB. The storage class"
	for n, want := range []int{1, 1} {
		if _, err := w.Install(t.Context(), options(nil), InstallOptions{}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(strings.Join(w.messages(), "\n"), warning); got != want {
			t.Errorf("after %d installs there are %d warnings, want %d: %q", n+1, got, want, w.messages())
		}
	}
}

// The threshold that the pod has applies, not the one of the options.
func TestStatusOfDiskOnNode(t *testing.T) {
	w := statusWorld(t)
	w.withExec(t, clustertest.Prints("4096 26214400 4718592 6553600 6225920\nN|1\nH|80\nC|80530636800|80530636800\n")) // 82%
	status, err := w.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	checkProblems(t, status, "warning DiskAlmostFull pod/d-abc-1")
	if disk := status.Disk; disk.OnNodeDisk == nil || !*disk.OnNodeDisk || *disk.CacheLimitBytes != 75<<30 {
		t.Errorf("got %+v", disk)
	}
}

// status and verify recognise a damaged cache in the daemon's log, until it is pruned or a
// day old.
func TestStatusOfDamagedCache(t *testing.T) {
	const (
		missing = "2026-11-21T11:00:00Z level=error msg=\"parent snapshot sha256:ab does not exist: not found\"\n"
		old     = "2026-11-20T11:00:00Z level=error msg=\"parent snapshot sha256:ab does not exist: not found\"\n"
		panics  = "2026-11-21T11:30:00Z panic: runtime error\n2026-11-21T11:30:00Z github.com/moby/buildkit/cache.(*cacheManager).DiskUsage(0x1)\n"
	)
	for _, test := range []struct {
		name, log, previous, records string
		restarts                     int32
		notReady                     bool
		want                         []string
		words                        string
		unasked                      bool // the sizes
	}{
		{name: "no sign", log: "2026-11-21T11:00:00Z level=info msg=\"API listen\"\n"},
		{name: "a build failed", log: missing, want: []string{"warning CacheDamaged pod/d-abc-1"}, words: "last at 21 Nov 11:00 UTC: snapshot sha256:ab does not exist"},
		{name: "pruned since", log: missing, records: "P|1795261200|100\n"}, // 11:40
		{name: "pruned before", log: missing, records: "P|1795255200|100\n", want: []string{"warning CacheDamaged pod/d-abc-1"}},
		{name: "long ago", log: old},
		{name: "the daemon panicked", previous: panics, restarts: 1, want: []string{"warning CacheDamaged pod/d-abc-1"},
			words: "at 21 Nov 11:30 UTC the daemon ended while it added up the cache's size", unasked: true},
		{name: "the pod is not ready", previous: panics, restarts: 1, notReady: true, want: []string{"error NotReady deployment/d", "warning CacheDamaged pod/d-abc-1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := installedWorld(t, nil)
			w.RunJobs(batchv1.JobComplete, corev1.PodSucceeded, verified)
			if !test.notReady { // else the daemon would seem to wait for the lock
				w.withExec(t, clustertest.Prints(clustertest.StatOutput+test.records))
			}
			w.PrependReactor("get", "pods", func(action ktesting.Action) (bool, runtime.Object, error) {
				if action.GetSubresource() != "log" {
					return false, nil, nil
				}
				if action.(ktesting.GenericActionImpl).Value.(*corev1.PodLogOptions).Previous {
					return true, &runtime.Unknown{Raw: []byte(test.previous)}, nil
				}
				return true, &runtime.Unknown{Raw: []byte(test.log)}, nil
			})
			change(t, w, pods, "d-abc-1", func(p *corev1.Pod) {
				p.Status.ContainerStatuses[0].RestartCount = test.restarts
				if test.notReady {
					p.Status.Conditions = nil
				}
			})
			status, err := w.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			checkProblems(t, status, test.want...)
			if test.words != "" && !strings.Contains(fmt.Sprint(status.Problems), test.words) {
				t.Errorf("got %+v", status.Problems)
			}
			if asked := status.Disk != nil && status.Disk.BuildCacheBytes != nil; asked == (test.unasked || test.notReady) {
				t.Errorf("asked for sizes: %v", asked)
			}
			if test.notReady {
				return
			}
			if _, err := w.Verify(t.Context(), "", nil); err != nil {
				t.Fatal(err)
			}
			if warned := strings.Contains(fmt.Sprint(w.messages()), "The build cache is damaged"); warned != (len(test.want) > 0) {
				t.Errorf("verify: %q", w.messages())
			}
		})
	}
}

// Limits that a LimitRange gives the pod are not in the Deployment.
func TestAddedLimitProblems(t *testing.T) {
	w := installedWorld(t, nil)
	change(t, w, pods, "d-abc-1", func(pod *corev1.Pod) {
		pod.Annotations = map[string]string{"kubernetes.io/limit-ranger": "LimitRanger plugin set: memory limit for container docker-dind"}
		pod.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("512Mi")}
	})
	status, err := w.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(status.Problems, func(p Problem) bool { return p.Reason == "LimitsAdded" })
	if at < 0 || !strings.HasPrefix(status.Problems[at].Message, "The daemon has limits from the namespace's LimitRange: memory 512Mi.") || !status.Healthy {
		t.Errorf("got %+v", status.Problems)
	}
}
