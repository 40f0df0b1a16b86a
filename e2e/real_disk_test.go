//go:build e2e

package e2e

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// configFile is the daemon's configuration in its pod.
const configFile = "/run/dindctl/daemon.json"

// The limits go by the file system, of 2 GiB here, where the claim has 20 GiB.
func TestDiskSmallerThanClaim(t *testing.T) {
	t.Parallel()
	for _, image := range env.images {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			i, remove := onSmallDisk(t, image)
			defer remove()
			i.options[len(i.options)-1] = "20Gi"
			i.install(t, i.options...)
			s := statusOf(t, i)
			disk := s.Disk
			if disk == nil || disk.CacheLimitBytes == nil || disk.OnNodeDisk == nil || *disk.OnNodeDisk {
				t.Fatalf("disk: %+v", disk)
			}
			if limit, most := *disk.CacheLimitBytes, *disk.CapacityBytes*75/100; limit > most || limit < most-100 {
				t.Errorf("the build cache may use %d of %d bytes", limit, *disk.CapacityBytes)
			}
			if !s.says("The file system of the data root has only", "--cache-limit") {
				t.Errorf("problems: %+v", s.Problems)
			}
			// As the daemon understands it.
			policy := inPod(t, i.pod(t), "docker", "buildx", "inspect")
			rules := cacheRule.FindAllStringSubmatch(policy, -1)
			if len(rules) != 2 {
				t.Fatalf("the policy has %d rules:\n%s", len(rules), policy)
			}
			for _, rule := range rules {
				if gib, err := strconv.ParseFloat(rule[1], 64); err != nil || gib < 1.3 || gib > 1.5 {
					t.Errorf("a rule allows %q GiB", rule[1])
				}
			}
			i.buildsCold(t, "app")
			i.buildsCached(t, "app", "with limits of the disk")
		})
	}
}

// The policy, as the daemon reports it, has two limits, and one rule that goes by age: that of
// the prune. None goes by type: the engine's own drops cache mounts after two days.
func TestCachePolicy(t *testing.T) {
	t.Parallel()
	for _, image := range env.images {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			i := install(t, image, "--storage-size", "2Gi")
			policy := inPod(t, i.pod(t), "docker", "buildx", "inspect")
			limits, selective := cacheRule.FindAllString(policy, -1), selectiveRule.FindAllString(policy, -1)
			if len(limits) != 2 || len(selective) != 1 || !strings.Contains(selective[0], " 168h0m0") {
				t.Errorf("limits %q and rules %q in the policy:\n%s", limits, selective, policy)
			}
		})
	}
}

// selectiveRule matches what limits a rule to an age, without fractions of a second, or a
// type.
var selectiveRule = regexp.MustCompile(`(?m)^ (?:Keep Duration|Filters):[ \t]*[^\s.]+`)

// cacheRule matches a limit of the cache as BuildKit shows it, until Engine 27 and since.
var cacheRule = regexp.MustCompile(`(?m)^ (?:Keep Bytes|Max Used Space):\s+([0-9.]+)GiB$`)
