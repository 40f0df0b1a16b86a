package lifecycle

import (
	"strings"
	"testing"

	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
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
