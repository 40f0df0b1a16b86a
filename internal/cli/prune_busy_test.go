package cli

import (
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/daemon"
)

// --all is asked about while something runs, and only then.
func TestPruneAllWhileBusy(t *testing.T) {
	const runs = "2 builds and 1 container running: --all removes the cache that they may still need, and images that no container has yet (--when-idle waits for them)"
	busy := daemon.Activity{Builds: 2, Containers: 1}
	tests := []struct {
		name, args string
		work       daemon.Activity
		answer     string // on a terminal; "" where there is none
		code       int
		stderr     string
		ran        bool
	}{
		{"nothing runs", "prune-now -q --all", daemon.Activity{}, "", 0, "", true},
		{"nobody to ask", "prune-now -q --all", busy, "", 2,
			"error: " + runs + ": not a terminal: use --yes to skip confirmation\n", false},
		{"confirmed beforehand", "prune-now -q --all --yes", busy, "", 0, "", true},
		{"confirmed", "prune-now -q --all", busy, "y\n", 0, runs + ". Go on? [y/N] ", true},
		{"not wanted", "prune-now -q --all", busy, "no\n", 1, runs + ". Go on? [y/N] error: not confirmed: nothing was changed\n", false},
		{"not all", "prune-now -q", busy, "", 0, "", true},
		{"waited for in vain", "prune-now -q --all --when-idle --timeout 3s", busy, "", 3,
			"error: pod/docker-dind-abc-1 is not idle after 3s: 2 builds and 1 container; nothing was changed\n" +
				"next: a longer --timeout waits longer; without --when-idle it is not waited for, and what runs is broken\n", false},
		{"nothing to wait for", "prune-now -q --when-idle", daemon.Activity{}, "", 0, "", true},
		{"waiting in a dry run", "prune-now -q --when-idle --dry-run", busy, "", 2,
			"error: the command line is wrong\n  --when-idle: has no effect together with --dry-run\n    Leave one of the two out.\nnext: `dindctl prune-now --help` lists the options\n", false},
	}
	for _, test := range tests {
		synctestRun(t, test.name, func(t *testing.T) {
			w := installedWorld(t)
			w.engine.Work, w.engine.Endless, w.now = []daemon.Activity{test.work}, true, time.Now
			w.RunJobs(batchv1.JobComplete, corev1.PodSucceeded, freed)
			if test.answer != "" {
				w.streams.In, w.streams.InTerminal, w.streams.ErrTerminal = strings.NewReader(test.answer), true, true
			}
			code, stdout, stderr := w.run(t, strings.Fields(test.args)...)
			if code != test.code || stderr != test.stderr {
				t.Errorf("got  %d, %q\nwant %d, %q", code, stderr, test.code, test.stderr)
			}
			if ran := strings.Contains(stdout, "Freed 1.4 GiB"); ran != test.ran {
				t.Errorf("stdout: %q", stdout)
			}
		})
	}
}
