//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"
)

// With --when-idle, an upgrade waits for the running build, which succeeds.
// Then the pod is replaced, the newer engine uses the images and the cache of
// the older one, and install reports what changed. Without it, install reports
// the running builds and lets them end, unless somebody ends the pod sooner.
func TestUpgradeWhenIdle(t *testing.T) {
	t.Parallel()
	if len(env.images) < 2 {
		t.Skip("one image only")
	}
	i := install(t, env.images[0])
	i.buildsCold(t, "app")
	claim, pod := i.claim(t).UID, i.pod(t).UID

	i.image = env.newest()
	work := i.work(t, "40")
	i.busy(t, restart{Pod: i.pod(t).Name, Builds: new(1), Containers: new(1)})
	r := i.install(t, "--when-idle", "-v").says(t, "waiting for 1 build and 1 container: ", "("+baseImage+", ", " aborts nothing",
		"refuses clients older than API ", "--env DOCKER_MIN_API_VERSION=")
	(<-work).want(t, "the build is done")
	if i.pod(t).UID == pod {
		t.Error("the pod was not replaced")
	}
	equal(t, "claim", i.claim(t).UID, claim)
	if change := " → " + engineOf(i.image) + "; images and cache stay with storage driver overlay2"; !strings.Contains(r.stderr, change) {
		t.Errorf("install does not say %q", change)
	}
	equal(t, "storage driver", statusOf(t, i).Daemon.StorageDriver, "overlay2")
	i.buildsCached(t, "app", "after the upgrade")

	// Naming the driver changes nothing if it is the one that the volume
	// already has.
	dindctl(t, i.command("install", i.installOptions("--storage-driver", "vfs")...)...).want(t, failed).
		says(t, "conflict with the existing installation; nothing was changed", "is not the driver that wrote the data", "(overlay2)")
	work = i.work(t, "600")
	options := []string{"--storage-driver", "overlay2", "--drain-timeout", "10s"}
	i.busy(t, restart{Pod: i.pod(t).Name, Builds: new(1), Containers: new(1)}, options...)
	before, pod := i.objects(t), i.pod(t).UID
	dindctl(t, i.command("install", i.installOptions(append(options, "--when-idle", "--timeout", "20s")...)...)...).want(t, notReady).
		says(t, "is not idle after", "1 build and 1 container: ", "; nothing was changed", "increase --timeout", " -- docker rm -f -v ")
	equal(t, "the Deployment", i.objects(t)["deployment/"+i.name].Generation, before["deployment/"+i.name].Generation)
	equal(t, "the pod", i.pod(t).UID, pod)

	// The pod that is replaced has the drain timeout of the last install.
	dindctl(t, i.command("install", i.installOptions(append(options, "--timeout", "20s")...)...)...).want(t, notReady).
		says(t, "restarting pod/", " lets 1 build end, for up to 15m; it aborts 1 container (use --when-idle to wait)", "waiting for the previous pod")
	_, _, _ = tryInPod(t.Context(), t, i.pod(t), "sh", "-c", "kill 1") // as status says; the connection ends with it
	if aborted := <-work; aborted.code == 0 {
		t.Error("the build was not aborted")
	}
	i.install(t, options...)
	i.buildsCached(t, "app", "with the driver named")
}

// With --when-idle, prune-now --all waits for the running build, which
// succeeds, and then removes everything.
func TestPruneWhenIdle(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest())
	work := i.work(t, "90")
	i.busy(t, restart{Pod: i.pod(t).Name, Builds: new(1), Containers: new(1)}, "--mtu", "1300")
	dindctl(t, i.command("prune-now", "--all", "--when-idle", "--timeout", "15s")...).want(t, notReady).
		says(t, "is not idle after", "1 build and 1 container", "increase --timeout")
	r := succeed(t, i.command("prune-now", "--all", "--when-idle", "-v", "-o", "json")...).says(t, "waiting for 1 build and 1 container")
	select {
	case ended := <-work:
		ended.want(t, "the build is done")
	default:
		t.Error("prune-now did not wait for the build")
	}
	report := decode[pruned](t, r)
	if report.ReclaimedBytes == nil || *report.ReclaimedBytes < 0 || report.After["imagesBytes"] > 0 {
		t.Errorf("prune-now: %+v", report)
	}
}

// restart is what install reports about a pod that it restarts.
type restart struct {
	Pod                string
	Builds, Containers *int
}

// work starts a job with a container and then a build, each of which takes this
// many seconds, and returns a channel for its result.
func (i *installation) work(t *testing.T, seconds string) <-chan ran {
	t.Helper()
	ended := make(chan ran, 1)
	go func() {
		ended <- i.job(t, strings.NewReplacer("SECONDS", seconds, "BASE", baseImage).Replace(`
docker run --detach --rm BASE sleep SECONDS
mkdir -p /tmp/context && cd /tmp/context
printf 'FROM BASE\nRUN echo $(date) && sleep SECONDS\n' >Dockerfile
docker build --no-cache --progress=plain -t slow . 2>&1
echo the build is done`))
	}()
	return ended
}

// busy waits until a dry run reports that a change with these options would
// abort this work.
func (i *installation) busy(t *testing.T, want restart, options ...string) {
	t.Helper()
	line := i.command("install", i.installOptions(append(options, "--dry-run", "-o", "json")...)...)
	eventually(t, "the dry run to report what is running", func(context.Context) (bool, error) {
		r := succeed(t, line...)
		outcome := decode[struct{ Restart *restart }](t, r)
		seen := outcome.Restart != nil && outcome.Restart.Builds != nil && *outcome.Restart.Builds == *want.Builds && *outcome.Restart.Containers == *want.Containers
		if seen {
			equal(t, "pod", outcome.Restart.Pod, want.Pod)
			r.says(t, "would let 1 build end, for up to 15m; it would abort 1 container")
		}
		return seen, nil
	})
}
