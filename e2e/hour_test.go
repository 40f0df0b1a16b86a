//go:build e2e

package e2e

import (
	"slices"
	"strings"
	"testing"
)

// After an hour of CI jobs that nobody cleaned up after, dindctl keeps its
// promises, with each engine, and with the newer engine on the data root of the
// older one.
func TestHour(t *testing.T) {
	soakOnly(t)
	t.Parallel()
	t.Run("new", func(t *testing.T) {
		t.Parallel()
		i := install(t, env.newest())
		i.buildsCold(t, "app")
		i.hour(t, 1)
		i.checkAfterHour(t)
		i.checkNewPod(t, func() { i.reschedule(t) })
		i.prunes(t, "--unused-for", "1s")
		i.checkHealthy(t)
	})
	t.Run("upgraded", func(t *testing.T) {
		t.Parallel()
		if len(env.images) < 2 {
			t.Skip("one image only")
		}
		i := install(t, env.images[0])
		i.buildsCold(t, "app")
		i.hour(t, 1)
		i.checkAfterHour(t)
		i.image = env.newest()
		i.checkNewPod(t, func() { i.install(t) })
		i.hour(t, 2)
		i.checkAfterHour(t)
		i.checkNewPod(t, func() { i.reschedule(t) })
		i.prunes(t, "--all", "--yes")
		i.buildsCold(t, "app")
		i.checkHealthy(t)
	})
}

// checkAfterHour checks an installation after an hour. A prune with the
// installation's age removes nothing.
func (i *installation) checkAfterHour(t *testing.T) {
	t.Helper()
	i.checkHealthy(t)
	i.buildsCached(t, "app", "after the hour")
	equal(t, "pruned although it is new", i.prunes(t), stock{})
	i.buildsCached(t, "app", "after the hour and a prune")
}

// checkHealthy checks that the daemon has not restarted, and that status and a
// dry run describe it.
func (i *installation) checkHealthy(t *testing.T) {
	t.Helper()
	pod := i.pod(t)
	if !podReady(pod) || restarts(pod) != 0 {
		t.Errorf("the daemon is not ready or has restarted: %+v", pod.Status)
	}
	s := statusOf(t, i)
	if !s.Healthy || len(s.Problems) > 0 {
		t.Errorf("status: healthy %v, %+v", s.Healthy, s.Problems)
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
