//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// diskWatch measures the disk of a daemon once a second.
type diskWatch struct {
	stop func() string
}

// watchDisk starts to measure the disk, in the daemon's pod, which must stay until check.
func (i *installation) watchDisk(t *testing.T) diskWatch {
	t.Helper()
	pod, measured := i.pod(t), make(chan string, 1)
	go func() {
		out, _, _ := tryInPod(t.Context(), t, pod, "sh", "-c", `rm -f /run/e2e-stop
until [ -e /run/e2e-stop ]; do stat -f -c "%b %f" /var/lib/docker; sleep 1; done`)
		measured <- out
	}()
	return diskWatch{stop: func() string {
		inPod(t, pod, "touch", "/run/e2e-stop")
		return <-measured
	}}
}

// check stops the watch and checks that the disk was never full, and above the high-water
// mark, in percent, only for as long as image garbage collection needs. That is longer if the
// builder collects its cache: it does so a minute after a build, perhaps twice.
func (w diskWatch) check(t *testing.T, mark int, collects bool) {
	t.Helper()
	const full = 95
	most := 60
	if collects {
		most = 180
	}
	peak, above, longest, seconds := 0, 0, 0, 0
	for line := range strings.Lines(w.stop()) {
		var blocks, free int
		if _, err := fmt.Sscan(line, &blocks, &free); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		percent := (blocks - free) * 100 / blocks
		above++
		if percent < mark {
			above = 0
		}
		peak, longest, seconds = max(peak, percent), max(longest, above), seconds+1
	}
	t.Logf("in %d s the disk was at most %d%% full, and above %d%% for at most %d s", seconds, peak, mark, longest)
	if seconds == 0 || peak >= full || longest > most {
		t.Error("the disk was not below the mark")
	}
}
