package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/lifecycle"
)

// freed is the termination message of a prune that succeeded.
const freed = ""

// unknown is the warning of a prune in these clusters, which have no exec.
const (
	noExec  = ": preparing to run sh in pod/docker-dind-abc-1: there is no connection for it\n"
	unknown = "Warning: it will be unknown how much was freed" + noExec
)

func TestPruneNow(t *testing.T) {
	const usage = "              BEFORE   AFTER\nimages        3 GiB    3 GiB\nbuild cache   5 GiB    5 GiB\nvolumes       1 GiB    1 GiB\nreclaimable   2 GiB    2 GiB\n"
	tests := []struct {
		name, args     string
		world          func(*testing.T) *world
		before         func(*world)
		code           int
		stdout, stderr string // with JOB for the name of the Job
	}{
		{"success", "prune-now", nil, func(w *world) { w.RunJobs(batchv1.JobComplete, corev1.PodSucceeded, freed) }, 0,
			usage + "Freed an unknown amount in 0.5s (job/JOB).\n", "Daemon: 3 GiB of images, 5 GiB of build cache\n" + unknown + "Prune: job/JOB succeeded\n"},
		{"unknown usage", "prune-now -q", nil, func(w *world) {
			w.engine.Refuse = errDown
			w.RunJobs(batchv1.JobComplete, corev1.PodSucceeded, freed)
		}, 0, "              BEFORE    AFTER\nimages        unknown   unknown\nbuild cache   unknown   unknown\nvolumes       unknown   unknown\nreclaimable   unknown   unknown\nFreed an unknown amount in 0.5s (job/JOB).\n",
			"Warning: disk use of the daemon could not be read: asking the daemon in pod/docker-dind-abc-1: connection refused\n" + unknown},
		{"failure", "prune-now -q", nil, func(w *world) { w.RunJobs(batchv1.JobFailed, corev1.PodFailed, "") }, 1, "",
			unknown + "error: job/JOB failed: BackoffLimitExceeded: it failed too often\n  | fake logs\nnext: `dindctl prune-now -v` shows the full log\n"},
		{"no schedule", "prune-now -q", func(t *testing.T) *world { return installedWorld(t, "--prune-schedule", "none") }, nil, 1, "",
			"error: docker-dind in namespace ci was installed without a scheduled prune\nnext: `dindctl install --prune-schedule '0 0 * * 0'` adds one\n"},
		{"not installed", "prune-now -q", func(t *testing.T) *world { return newWorld(t) }, nil, 4, "",
			"error: docker-dind is not installed in namespace ci\nnext: run `dindctl install`, or select another installation with -n and --name\n"},
	}
	for _, test := range tests {
		synctestRun(t, test.name, func(t *testing.T) {
			var w *world
			if test.world != nil {
				w = test.world(t)
			} else {
				w = installedWorld(t)
			}
			if test.before != nil {
				test.before(w)
			}
			w.now = time.Now
			code, stdout, stderr := w.run(t, strings.Fields(test.args)...)
			if code != test.code || anyJob(stdout) != test.stdout || anyJob(stderr) != test.stderr {
				t.Errorf("got  %d, %q, %q\nwant %d, %q, %q", code, anyJob(stdout), anyJob(stderr), test.code, test.stdout, test.stderr)
			}
		})
	}
}

// synctestRun runs a subtest with a fake clock.
func synctestRun(t *testing.T, name string, test func(*testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

// anyJob replaces the generated name of the Job by JOB.
func anyJob(text string) string {
	const prefix = "job/docker-dind-clear-cache-"
	for {
		before, after, found := strings.Cut(text, prefix)
		if !found {
			return text
		}
		text = before + "job/JOB" + strings.TrimLeft(after, "0123456789abcdefghijklmnopqrstuvwxyz")
	}
}

func TestPruneNowVerbosely(t *testing.T) {
	synctest.Test(t, pruneNowVerbosely)
}

func pruneNowVerbosely(t *testing.T) {
	w := installedWorld(t)
	w.RunJobs(batchv1.JobComplete, corev1.PodSucceeded, freed)
	if _, _, stderr := w.run(t, "prune-now", "-v"); !strings.Contains(stderr, "\nfake logs\n") {
		t.Errorf("got %s", stderr)
	}
}

// The disk gains nothing here, whatever the daemon says.
func TestPruneNowAsDocument(t *testing.T) {
	w := installedWorld(t)
	w.withExec(t, clustertest.StatOutput)
	w.RunJobs(batchv1.JobComplete, corev1.PodSucceeded, freed)
	code, stdout, _ := w.run(t, "prune-now", "-o", "json")
	var got lifecycle.PruneReport
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != 0 {
		t.Fatalf("%d, %v: %s", code, err, stdout)
	}
	if got.Job == "" || got.ReclaimedBytes == nil || *got.ReclaimedBytes != 0 || got.Before.ImagesBytes != 3<<30 || got.After.BuildCacheBytes != 5<<30 {
		t.Errorf("got %+v", got)
	}
}

// --all asks for confirmation only while builds or containers are running.
func TestPruneAllWhileBusy(t *testing.T) {
	const warning = "2 builds and 1 container running: --all removes cache that they may still need and images that no container uses yet (use --when-idle to wait)"
	busy := daemon.Activity{Builds: 2, Containers: clustertest.Running(time.Date(1999, 12, 31, 21, 0, 0, 0, time.UTC), "web")}
	tests := []struct {
		name, args string
		work       daemon.Activity
		answer     string // on a terminal; "" without a terminal
		code       int
		stderr     string
		ran        bool
	}{
		{"idle", "prune-now -q --all", daemon.Activity{}, "", 0, "", true},
		{"no terminal", "prune-now -q --all", busy, "", 2,
			"error: " + warning + ": not a terminal: use --yes to skip confirmation\n", false},
		{"with --yes", "prune-now -q --all --yes", busy, "", 0, "", true},
		{"confirmed", "prune-now -q --all", busy, "y\n", 0, warning + ". Continue? [y/N] ", true},
		{"builds unknown", "prune-now -q --all", daemon.Activity{BuildsUnknown: true}, "no\n", 1,
			strings.Replace(warning, "2 builds and 1 container", "0 containers, and possibly builds (this engine does not report them)", 1) +
				". Continue? [y/N] error: aborted; nothing was changed\n", false},
		{"declined", "prune-now -q --all", busy, "no\n", 1, warning + ". Continue? [y/N] error: aborted; nothing was changed\n", false},
		{"without --all", "prune-now -q", busy, "", 0, "", true},
		{"still busy at the timeout", "prune-now -q --all --when-idle --timeout 3s", busy, "", 3,
			"error: pod/docker-dind-abc-1 is not idle after 3s: 2 builds and 1 container: web (busybox:1.37, 3h); nothing was changed\n" +
				"next: increase --timeout to wait longer; without --when-idle dindctl does not wait, and running builds may fail; " +
				"if no job needs the containers any more, remove them: `kubectl exec -n ci pod/docker-dind-abc-1 -c docker-dind -- docker rm -f -v web`\n", false},
		{"idle with --when-idle", "prune-now -q --when-idle", daemon.Activity{}, "", 0, "Warning: pushes and pulls are not waited for" + noExec, true},
		{"--when-idle in a dry run", "prune-now -q --when-idle --dry-run", busy, "", 2,
			"error: invalid command line\n  --when-idle: has no effect with --dry-run\n    Omit one of them.\nnext: `dindctl prune-now --help` lists the options\n", false},
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
			want := test.stderr
			if test.ran {
				want += unknown
			}
			if code != test.code || stderr != want {
				t.Errorf("got  %d, %q\nwant %d, %q", code, stderr, test.code, want)
			}
			if ran := strings.Contains(stdout, "Freed "); ran != test.ran {
				t.Errorf("stdout: %q", stdout)
			}
		})
	}
}
