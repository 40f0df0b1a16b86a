package lifecycle

import (
	"context"
	"crypto/tls"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
)

func TestNewDisk(t *testing.T) {
	percent := 5.0
	volume := &dind.FileSystem{CapacityBytes: 10, UsedBytes: 4, InodesUsedPercent: &percent}
	usage := &daemon.DiskUsage{ImagesBytes: 1, BuildCacheBytes: 2, ReclaimableBytes: 3}
	if got := newDisk(nil, nil); got != nil {
		t.Errorf("without sources: %+v", got)
	}
	if got := newDisk(volume, nil); *got.CapacityBytes != 10 || *got.UsedBytes != 4 || *got.InodesUsedPercent != 5 ||
		got.ImagesBytes != nil || got.BuildCacheBytes != nil || got.ReclaimableBytes != nil {
		t.Errorf("from the volume: %+v", got)
	}
	if got := newDisk(nil, usage); *got.ImagesBytes != 1 || *got.BuildCacheBytes != 2 || *got.ReclaimableBytes != 3 ||
		got.CapacityBytes != nil || got.UsedBytes != nil || got.InodesUsedPercent != nil {
		t.Errorf("from the daemon: %+v", got)
	}
}

// Values that cannot be read are nil. The rest is reported.
func TestStatusOfDisk(t *testing.T) {
	t.Run("no permission to exec", func(t *testing.T) {
		w := statusWorld(t)
		w.withExec(t, clustertest.Forbids)
		status, err := w.Status(t.Context())
		if err != nil || status.Disk == nil || status.Disk.CapacityBytes != nil || status.Disk.ImagesBytes == nil {
			t.Fatalf("got %+v, %v", status.Disk, err)
		}
		if p := status.Problems[0]; !strings.Contains(p.Hint, "the permission to create pods/exec") || !strings.HasSuffix(p.Message, "no exec") {
			t.Errorf("got %+v", p)
		}
	})
	t.Run("an API server without websockets", func(t *testing.T) {
		w := statusWorld(t)
		w.withExec(t, printsOverSPDY(clustertest.StatOutput))
		status, err := w.Status(t.Context())
		if err != nil || status.Disk == nil || status.Disk.CapacityBytes == nil {
			t.Fatalf("got %+v, %v: %+v", status.Disk, err, status.Problems)
		}
	})
	t.Run("the daemon does not return its disk usage", func(t *testing.T) {
		w := statusWorld(t)
		w.engine.UsageErr = errDown
		status, err := w.Status(t.Context())
		if err != nil || status.Disk == nil || status.Disk.CapacityBytes == nil || status.Disk.ImagesBytes != nil || status.Daemon == nil {
			t.Fatalf("got %+v, %v", status, err)
		}
	})
}

// What fills a disk that image garbage collection cannot relieve decides the next step.
func TestDiskProblemsSayWhatFillsIt(t *testing.T) {
	pod := kube.Ref{Kind: "Pod", Namespace: "ci", Name: "d-abc-1"}
	for _, test := range []struct {
		name    string
		stuck   *dind.Stuck
		message string
		hint    string
	}{
		{"not known", nil, "--high-water 85%.", "`dindctl prune-now --all`"},
		{"volumes", &dind.Stuck{Since: noon, VolumesBytes: 60 << 30}, "Since 21 Nov 12:00 UTC image garbage collection has found no more to remove: volumes hold 60 GiB, and those with a name always stay.",
			"`kubectl exec -n ci d-abc-1 -c docker-dind -- docker system df -v`"},
		{"foreign files", &dind.Stuck{Since: noon, ForeignBytes: 50 << 30}, "files that are not the daemon's hold 50 GiB.", "shares its disk"},
		{"what is used", &dind.Stuck{Since: noon}, "the rest is in use, or was used lately.", "`dindctl prune-now --all`"},
	} {
		t.Run(test.name, func(t *testing.T) {
			problems := diskProblems(pod, &dind.FileSystem{CapacityBytes: 100 << 30, UsedBytes: 90 << 30, Stuck: test.stuck}, "")
			if len(problems) != 1 || !strings.HasSuffix(problems[0].Message, test.message) || !strings.Contains(problems[0].Hint, test.hint) {
				t.Errorf("got %+v", problems)
			}
		})
	}
}

// hangingLink is a link to a node that is gone.
type hangingLink struct{ Link }

func (hangingLink) Engine(ctx context.Context, _ *tls.Config) (Engine, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// status does not wait for a node that is gone until its own timeout.
func TestStatusOfDaemonThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := installedWorld(t, nil)
		connect := w.Connect
		w.Connect = func(c *kube.Cluster, pod string) (Link, error) {
			link, err := connect(c, pod)
			return hangingLink{link}, err
		}
		began := time.Now()
		status, err := w.Status(t.Context())
		if err != nil || status.Healthy || len(status.Problems) == 0 || !strings.Contains(status.Problems[0].Message, "no answer within 45s") {
			t.Errorf("got %+v, %v", status.Problems, err)
		}
		if took := time.Since(began); took != answerTime {
			t.Errorf("took %s", took)
		}
	})
}
