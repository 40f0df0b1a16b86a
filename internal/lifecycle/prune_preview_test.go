package lifecycle

import (
	"encoding/json"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
)

func hoursAgo(n int) time.Time { return noon.Add(-time.Duration(n) * time.Hour) }

func TestPreviewPrune(t *testing.T) {
	contents := daemon.Contents{
		Containers: []daemon.Container{{ID: "c", Name: "done", Created: hoursAgo(200), SizeBytes: 5}},
		Networks:   []daemon.Network{{ID: "n", Name: "net", Created: hoursAgo(2)}},
		Images:     []daemon.Image{{ID: "i", Tags: []string{"app:1", "app:2"}, LastUsed: hoursAgo(3), SizeBytes: 6}, {ID: "j", LastUsed: hoursAgo(170)}},
		BuildCache: []daemon.CacheRecord{{ID: "r", LastUsed: hoursAgo(3), SizeBytes: 7000}, {ID: "s", LastUsed: hoursAgo(170), SizeBytes: 500, Shared: true}},
	}
	tests := []struct {
		name      string
		overrides dind.PruneOverrides
		want      string
	}{
		{"scheduled rules", dind.PruneOverrides{}, `{"dryRun":true,"unusedFor":"168h0m0s","keepStorageBytes":null,` +
			`"containers":[{"id":"c","name":"done","sizeBytes":5,"created":"2026-11-13T04:00:00Z"}],"networks":[],"volumes":[],` +
			`"images":[{"id":"j","name":"untagged","sizeBytes":0,"lastUsed":"2026-11-14T10:00:00Z"}],` +
			`"buildCache":{"beforeBytes":7500,"afterBytes":7000}}`},
		{"another age and a cache limit", dind.PruneOverrides{UnusedFor: "8d", KeepStorage: "1Ki"},
			`{"dryRun":true,"unusedFor":"192h0m0s","keepStorageBytes":1024,"containers":[{"id":"c","name":"done","sizeBytes":5,"created":"2026-11-13T04:00:00Z"}],"networks":[],"volumes":[],"images":[],"buildCache":{"beforeBytes":7500,"afterBytes":1524}}`},
		{"everything", dind.PruneOverrides{All: true}, `{"dryRun":true,"unusedFor":"0s","keepStorageBytes":null,` +
			`"containers":[{"id":"c","name":"done","sizeBytes":5,"created":"2026-11-13T04:00:00Z"}],` +
			`"networks":[{"id":"n","name":"net","sizeBytes":0,"created":"2026-11-21T10:00:00Z"}],"volumes":[],` +
			`"images":[{"id":"j","name":"untagged","sizeBytes":0,"lastUsed":"2026-11-14T10:00:00Z"},{"id":"i","name":"app:1","tags":["app:1","app:2"],"sizeBytes":6,"lastUsed":"2026-11-21T09:00:00Z"}],` +
			`"buildCache":{"beforeBytes":7500,"afterBytes":0}}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := installedWorld(t, nil)
			w.engine.Held = contents
			preview, err := w.PreviewPrune(t.Context(), test.overrides)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(preview)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Error(diff)
			}
			if sent := w.Writes(); len(sent) > 0 {
				t.Errorf("sent %q", sent)
			}
			if w.engine.Closed != len(w.engine.Connected) {
				t.Errorf("%d of %d connections closed", w.engine.Closed, len(w.engine.Connected))
			}
			w.checkSteps(t)
		})
	}
}

func TestPreviewPruneFails(t *testing.T) {
	var unreachable *DaemonError
	w := installedWorld(t, nil)
	w.engine.Refuse = errDown
	if _, err := w.PreviewPrune(t.Context(), dind.PruneOverrides{}); !errors.As(err, &unreachable) {
		t.Errorf("got %v", err)
	}
	var missing *NotInstalledError
	if _, err := newWorld(t).PreviewPrune(t.Context(), dind.PruneOverrides{}); !errors.As(err, &missing) {
		t.Errorf("got %v", err)
	}
}

// The preview knows the uses that the guard noted, and says so if it cannot.
func TestPreviewPruneKnowsTheUses(t *testing.T) {
	for name, test := range map[string]struct {
		out  string
		want int
	}{
		"used":           {"E|" + strconv.FormatInt(noon.Add(-time.Hour).Unix(), 10) + "|app:1\n", 0},
		"used long ago":  {"E|1000000000|app:1\n", 1},
		"cannot be read": {"", 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := installedWorld(t, nil)
			w.engine.Held = daemon.Contents{Images: []daemon.Image{{ID: "i", Tags: []string{"app:1"}, LastUsed: hoursAgo(900)}}}
			if test.out != "" {
				w.withExec(t, clustertest.Prints(test.out))
			} else {
				w.withExec(t, clustertest.Forbids)
			}
			preview, err := w.PreviewPrune(t.Context(), dind.PruneOverrides{})
			if err != nil || len(preview.Images) != test.want {
				t.Errorf("got %+v, %v, want %d images", preview.Images, err, test.want)
			}
		})
	}
}
