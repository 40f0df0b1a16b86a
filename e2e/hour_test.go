//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// spare is how long prunes and image garbage collection keep what was used. An hour of
// the test takes less.
const spare = 5 * time.Minute

// smallDiskMark is the high-water mark, in percent, of a disk of 2 GiB. What the jobs write
// before image garbage collection is ready must fit between it and 83%: from there on the
// disk is more important than the cache.
const smallDiskMark = 50

// CI jobs that nobody cleans up after, for an hour, or ten with DINDCTL_SOAK=1, on a disk of
// 2 GiB that yesterday's jobs have filled: no build fails, the disk stays below the mark, and
// what was used lately is still there.
func TestHour(t *testing.T) {
	t.Parallel()
	hours(t, onSmallDisk, smallDiskMark, env.newest())
}

// So it is with the newer engine on the data root of the older one.
func TestHourAfterUpgrade(t *testing.T) {
	t.Parallel()
	if len(env.images) < 2 {
		t.Skip("one image only")
	}
	hours(t, onSmallDisk, smallDiskMark, env.images[0], env.newest())
}

// So it is with the older engine, and on a disk that is larger than the claim.
func TestHourElsewhere(t *testing.T) {
	soakOnly(t)
	t.Parallel()
	for _, image := range env.images {
		t.Run(image+" on a large disk", func(t *testing.T) {
			t.Parallel()
			hours(t, onLargeDisk, 85, image)
		})
	}
	if image := env.images[0]; image != env.newest() {
		hours(t, onSmallDisk, smallDiskMark, image)
	}
}

// hours runs the hours with one engine after the other, on a disk with a high-water mark in
// percent. After every fifth hour, and after the last, it prunes.
func hours(t *testing.T, disk func(*testing.T, string) (*installation, func()), mark int, images ...string) {
	each := times(1, 10)
	number := 0
	i, remove := disk(t, images[0])
	defer remove()
	i.options = append(i.options, "--high-water", fmt.Sprintf("%d%%", mark), "--cache-limit", fmt.Sprintf("%d%%", mark-10),
		"--prune-unused-for", spare.String(), "--env", fmt.Sprintf("DINDCTL_IMAGE_SPARE=%.0f", spare.Seconds()), "--env", "DINDCTL_GUARD_INTERVAL=5")
	i.install(t, i.options...)
	i.yesterday(t, mark-4)
	i.buildsCold(t, "app")
	for _, image := range images {
		if image != i.image {
			i.image = image
			i.checkNewPod(t, func() { i.install(t, i.options...) })
		}
		watch := i.watchDisk(t)
		for n := range each {
			number++
			began := time.Now()
			added := i.hour(t, number)
			if took := time.Since(began); took > spare {
				t.Errorf("hour %d took %v, but what is not used for %v may be removed", number, took, spare)
			}
			i.buildsCached(t, "app", "after the hour")
			if n%5 == 4 || n == each-1 {
				succeed(t, i.command("prune-now")...)
				equal(t, "what the prune removed of this hour", added.without(i.stock(t)), stock{})
				i.buildsCached(t, "app", "after the prune")
			}
			i.checkHealthy(t)
		}
		watch.check(t, mark, statusOf(t, i).Daemon.StorageDriver == "overlayfs")
	}
	i.checkNewPod(t, func() { i.reschedule(t) })
	equal(t, "pruned although it is new", i.prunes(t, "--unused-for", "24h"), stock{})
	i.prunes(t, "--all", "--yes")
	i.buildsCold(t, "app")
	i.checkHealthy(t)
}

// yesterday fills the disk with images up to a percentage, but with at most 2 GB, and waits
// until the first of them is no longer spared. It pulls their base image first: where images are not in
// containerd's store, what was built on an image of the registry is not in the cache for a
// build on the same image of the daemon.
func (i *installation) yesterday(t *testing.T, percent int) {
	t.Helper()
	old := time.After(spare)
	inPod(t, i.pod(t), "sh", "-euc", `percent=$1
docker pull --quiet `+baseImage+`
n=0
until set -- $(stat -f -c "%b %f" /var/lib/docker); [ $((($1 - $2) * 100 / $1)) -ge "$percent" ] || [ $n -eq 100 ]; do
	n=$((n + 1))
	printf "FROM `+baseImage+`\nRUN echo $n && head -c 20000000 /dev/urandom >/data\n" | docker build --quiet --tag yesterday:$n -
done`, "sh", strconv.Itoa(percent))
	select {
	case <-old:
	case <-t.Context().Done():
	}
}

// onLargeDisk returns an installation on a disk that is larger than the claim.
func onLargeDisk(t *testing.T, image string) (i *installation, remove func()) {
	t.Helper()
	i = newInstallation(t, image)
	i.options = []string{"--create-namespace", "--storage-size", "2Gi"}
	return i, func() {}
}

// checkHealthy checks that the daemon has not restarted, and that status and a
// dry run describe it.
func (i *installation) checkHealthy(t *testing.T) {
	t.Helper()
	pod := i.pod(t)
	if !podReady(pod) || restarts(pod) != 0 {
		t.Errorf("the daemon is not ready or has restarted: %+v", pod.Status)
	}
	var s status
	eventually(t, "the disk and the build cache to be below their limits", func(context.Context) (bool, error) {
		s = statusOf(t, i)
		disk := s.Disk
		return len(s.Problems) == 0 && disk.BuildCacheBytes != nil && *disk.BuildCacheBytes <= *disk.CacheLimitBytes, nil
	})
	if !s.Healthy {
		t.Errorf("status: %+v", s)
	}
	checkDisk(t, s)
	equal(t, "running containers", i.awaitNoBuilds(t), len(i.stock(t)["running"]))
}

// checkNewPod checks that what is in the daemon is still there after its pod was
// replaced. The containers that always restart run again.
func (i *installation) checkNewPod(t *testing.T, replace func()) {
	t.Helper()
	want := i.stock(t)
	replace()
	var stopped []string
	for _, name := range want["running"] {
		if !strings.HasPrefix(name, "always-") {
			stopped = append(stopped, name)
		}
	}
	want["running"] = slices.DeleteFunc(want["running"], func(name string) bool { return slices.Contains(stopped, name) })
	want["exited"] = slices.Sorted(slices.Values(slices.Concat(want["exited"], stopped)))
	equal(t, "what is in the new pod's daemon", i.stock(t), want)
	i.checkHealthy(t)
	i.buildsCached(t, "app", "in the new pod")
}

// prunes runs prune-now and its dry run, and returns what is gone. It must be
// what the dry run named.
func (i *installation) prunes(t *testing.T, options ...string) stock {
	t.Helper()
	preview := decode[prunable](t, succeed(t, i.command("prune-now", append(options, "--dry-run", "-o", "json")...)...))
	before := i.stock(t)
	report := decode[pruned](t, succeed(t, i.command("prune-now", append(options, "-o", "json")...)...))
	if report.ReclaimedBytes == nil || *report.ReclaimedBytes < 0 {
		t.Errorf("prune-now: %+v", report)
	}
	gone := before.without(i.stock(t))
	t.Logf("prune-now %v removed %+v", options, gone)
	named := stock{}
	for _, container := range preview.Containers {
		named["container"] = append(named["container"], container.Name)
	}
	for _, network := range preview.Networks {
		named["network"] = append(named["network"], network.Name)
	}
	for _, volume := range preview.Volumes {
		named["volume"] = append(named["volume"], volume.Name)
	}
	for _, image := range preview.Images {
		// What was pulled by digest has a name, but no tag.
		tags := slices.DeleteFunc(image.Tags, func(tag string) bool { return strings.Contains(tag, "@") })
		named["tag"] = append(named["tag"], tags...)
		if len(tags) == 0 {
			named["untagged"] = append(named["untagged"], image.ID)
		}
	}
	for _, names := range named {
		slices.Sort(names)
	}
	equal(t, "running containers that are gone", gone["running"], nil)
	equal(t, "volumes with a name that are gone", gone["volume"], nil)
	equal(t, "volumes that are gone", slices.Sorted(slices.Values(slices.Concat(gone["anonymous"], gone["state"]))), named["volume"])
	equal(t, "containers that are gone", slices.Sorted(slices.Values(slices.Concat(gone["exited"], gone["created"], gone["builder"]))), named["container"])
	equal(t, "networks that are gone", gone["network"], named["network"])
	equal(t, "tags that are gone", gone["tag"], named["tag"])
	if unnamed := gone.without(named)["untagged"]; len(unnamed) > 0 {
		t.Errorf("images without a tag that are gone, but not in the dry run: %v", unnamed)
	}
	return gone
}
