package dind

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// guardStubs adds stubs of docker, stat, du and date. Each line of the file disk is one
// output of stat, each line of events an event. The daemon exits after the last of disk,
// or, if there are none, of events.
func guardStubs(b box) {
	b.stub("docker", `
case "$1" in events)
    cat "$BOX/events" 2>/dev/null
    rm -f "$BOX/events"
    if [ -n "${EVENTS_ONLY:-}" ]; then sleep 3; rm -rf "$BOX/proc/1"; fi
    while [ -d "$BOX/proc/1" ]; do sleep 0.05; done
    exit ;;
esac`+dockerStub)
	b.write("bin/stat", `#!/bin/sh
head -n 1 "$BOX/disk"
sed -i 1d "$BOX/disk"
[ -s "$BOX/disk" ] || [ -n "${EVENTS_ONLY:-}" ] || rm -rf "$BOX/proc/1"
`)
	b.write("bin/du", `#!/bin/sh
case $2 in */volumes) echo "${VOLUMES:-0}	$2" ;; *) echo "${OWN:-1000}	$2" ;; esac
`)
	b.write("bin/date", `#!/bin/sh
if [ -n "${TMPFS:-}" ] && mkdir "$BOX/mounted" 2>/dev/null; then rm -rf "$BOX/tmp/dindctl-guard"; fi
echo 1795258800
`)
}

// disk returns outputs of stat with these percentages of blocks in use.
func disk(percents ...int) string {
	var lines strings.Builder
	for _, percent := range percents {
		fmt.Fprintf(&lines, "1000 100 %d 0 0\n", 100-percent)
	}
	return lines.String()
}

func TestGuardScript(t *testing.T) {
	const fresh, hours = "2026-11-21T10:30:00Z", "2026-11-21T08:00:00Z"
	var (
		oldest = image("oldest", "2026-11-01T00:00:00Z", never, "oldest:1,oldest:2,", "o,")
		old    = image("old", "2026-11-10T00:00:00Z", never, "old:1,", "p,")
		young  = image("young", "2026-01-01T00:00:00Z", hours, "young:1,", "y,")
		spared = image("spared", fresh, never, "spared:1,", "s,")
		busy   = image("busy", "2026-01-01T00:00:00Z", never, "busy:1,", "b,")
		stuck  = image("stuck", "2025-01-01T00:00:00Z", never, "stuck:1,", "x,")
		all    = spared + young + busy + old + oldest
	)
	const (
		cache    = "docker builder prune -f --filter until="
		networks = "docker network prune -f --filter until=24h"
		keep     = " --keep-storage "
		collect  = "docker build --quiet --output type=cacheonly -"
	)
	// steps returns the calls that leave less and less build cache, starting with a number of
	// bytes: of the cache that is older than age, and then of all.
	steps := func(age string, used, all int) []string {
		calls := []string{"docker builder prune --help"}
		for size := used; size > 0; {
			size = max(size-10000, 0)
			calls = append(calls, cache+age+keep+strconv.Itoa(size))
		}
		for size := all; size > 10000; {
			size = max(size-10000, 10000)
			calls = append(calls, "docker builder prune -f"+keep+strconv.Itoa(size))
		}
		return calls
	}
	for _, test := range []struct {
		name, high   string
		disk         string // one line per check
		images, uses string
		env          []string
		wantCalls    []string
		says, keeps  string // contents of the log and of the file image-gc
	}{
		{name: "below the threshold", high: "85", disk: disk(84), images: all},
		{name: "no threshold", high: "none", images: all, env: []string{"EVENTS_ONLY=1"}},
		{name: "least recently used images, until enough is free", high: "85", disk: disk(85, 82, 80), images: all,
			wantCalls: []string{"docker image rm oldest:1 oldest:2", cache + "1767600s", "docker image rm old:1", cache + "990000s"},
			says:      "removed 2 images and freed 5000 bytes", keeps: "|2|5000\n"},
		{name: "batches of images, by what the last one gained", high: "85", disk: disk(90, 89, 80), images: all,
			wantCalls: []string{"docker image rm oldest:1 oldest:2", cache + "1767600s", "docker image rm old:1 young:1", cache + "10800s"}, keeps: "|3|10000\n"},
		{name: "batches of images, of which the first seems to gain little", high: "85", disk: disk(90, 89, 87, 80),
			images:    all + image("older", "2026-11-05T00:00:00Z", never, "older:1,", "q,"),
			wantCalls: []string{"docker image rm oldest:1 oldest:2", cache + "1767600s", "docker image rm old:1 older:1", cache + "990000s", "docker image rm young:1", cache + "10800s"}, keeps: "|4|10000\n"},
		{name: "no image that is recent or in use", high: "85", disk: disk(99, 99, 99), images: all,
			wantCalls: append([]string{"docker image rm oldest:1 oldest:2", cache + "1767600s", "docker image rm old:1 young:1", cache + "10800s"}, steps("3600s", 99000, 99000)...),
			says:      "removed 3 images", keeps: "|3|0\n"},
		{name: "an image that a container used stays longer", high: "85", disk: disk(85, 80), images: oldest + old, uses: "E|1795251600|oldest:2\n",
			wantCalls: []string{"docker image rm old:1", cache + "990000s"}, keeps: "|1|5000\n"},
		{name: "an image that a container used recently stays", high: "85", disk: disk(85), images: oldest, uses: "E|1795258700|oldest:1\n",
			wantCalls: steps("3600s", 85000, 85000),
			says:      "the disk is 85% full, and no more can be removed: all images and build cache are in use or were used in the last 3600 s"},
		{name: "the base of a recent image stays", high: "85", disk: disk(85), images: oldest + image("spared", fresh, never, "spared:1,", "o,s,"),
			wantCalls: steps("3600s", 85000, 85000), says: "no more can be removed"},
		{name: "images without tags first", high: "85", disk: disk(85, 80), images: oldest + image("untagged", "2026-11-20T00:00:00Z", never, "", "u,"),
			wantCalls: []string{"docker image rm sha256:untagged"}, keeps: "|1|5000\n"},
		{name: "build cache without images", high: "85", disk: disk(85, 84, 80), env: []string{"CACHE=300MB"},
			wantCalls: steps("3600s", 85000, 0)[:3], says: "the disk was 85% full: removed build cache (--filter until=3600s --keep-storage 75000); it is 84% full now", keeps: "|0|5000\n"},
		{name: "build cache that is fresh", high: "85", disk: disk(slices.Concat(slices.Repeat([]int{97}, 12), []int{70})...), env: []string{"CACHE=300MB"},
			wantCalls: steps("3600s", 97000, 97000)[:13], keeps: "|0|27000\n"},
		{name: "the daemon would forget cache", high: "85", disk: disk(88, 80, 80), images: all, env: []string{"CONTAINERD=1"},
			wantCalls: []string{collect}, says: "the disk was 88% full: the builder collected its cache; it is 80% full now", keeps: "|0|8000\n"},
		{name: "the daemon would forget cache, but the disk fills", high: "85", disk: disk(88, 96, 80), images: all, env: []string{"CONTAINERD=1"},
			wantCalls: []string{collect, "docker image rm oldest:1 oldest:2", cache + "1767600s"}, keeps: "|1|8000\n"},
		{name: "the daemon would forget cache, but the disk is nearly full", high: "85", disk: disk(96, 80), images: all, env: []string{"CONTAINERD=1"},
			wantCalls: []string{"docker image rm oldest:1 oldest:2", cache + "1767600s"}, keeps: "|1|16000\n"},
		{name: "the builder keeps its cache, and the images are recent", high: "85", disk: disk(slices.Repeat([]int{86}, 36)...), images: spared, env: []string{"CONTAINERD=1"},
			wantCalls: []string{collect}, says: "86% full, and no more can be removed: all images are in use or were used in the last 3600 s, and the builder keeps the rest of its cache until the disk is 95% full"},
		{name: "volumes fill the disk", high: "85", disk: disk(97, 97), images: oldest + young, env: []string{"VOLUMES=90"},
			wantCalls: append([]string{"docker image rm oldest:1 oldest:2", cache + "1767600s"}, steps("86400s", 7000, 0)...),
			says:      "removed image oldest:1 oldest:2", keeps: "|1|0\n"},
		{name: "foreign files fill the disk", high: "85", disk: disk(97), images: young, env: []string{"OWN=9"},
			wantCalls: steps("86400s", 9000, 0), says: "no more can be removed: files that are not the daemon's hold 0 MiB"},
		{name: "the daemon refuses to remove an image", high: "85", disk: disk(85, 80), images: stuck + oldest,
			wantCalls: []string{"docker image rm stuck:1", "docker image rm oldest:1 oldest:2", cache + "1767600s"}, keeps: "|1|5000\n"},
		{name: "DINDCTL_IMAGE_SPARE", high: "85", disk: disk(85, 80), images: spared, env: []string{"DINDCTL_IMAGE_SPARE=60"},
			wantCalls: []string{"docker image rm spared:1", cache + "1800s"}, keeps: "|1|5000\n"},
		{name: "the entrypoint mounts /tmp", high: "85", disk: disk(85, 80), images: oldest, env: []string{"TMPFS=1"},
			wantCalls: []string{"docker image rm oldest:1 oldest:2", cache + "1767600s"}, keeps: "|1|5000\n"},
		{name: "too many inodes", high: "85", disk: "1000 100 90 1000 140\n" + disk(10), images: oldest,
			wantCalls: []string{"docker image rm oldest:1 oldest:2", cache + "1767600s"}, keeps: "|1|0\n"},
		{name: "stat fails", high: "85", disk: "oops\n", images: oldest},
		{name: "the uses are damaged", high: "85", disk: disk(85, 80), images: oldest, uses: "E|17U|oldest:1\nE|9999999999\x00\nE|1", env: []string{"DINDCTL_IMAGE_SPARE=1h"},
			wantCalls: []string{"docker image rm oldest:1 oldest:2", cache + "1767600s"}, keeps: "|1|5000\n"},
		{name: "nothing is tried again while nothing changes", high: "85", disk: disk(90, 90, 90, 90, 90, 90), images: spared,
			wantCalls: slices.Repeat(steps("3600s", 90000, 90000), 3)},
	} {
		for name, shell := range shells(t) {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := newBox(t)
				guardStubs(b)
				b.write("disk", test.disk)
				b.write("images", test.images)
				b.write("proc/1/stat", "")
				b.write("var/lib/docker/dindctl/uses", test.uses)
				got := b.runFile(shell, "guard.sh", append(test.env, "BOX="+b.root, "DINDCTL_GUARD_INTERVAL=0"), test.high, "1")
				var calls []string
				for _, call := range got.calls {
					if !inspects(call) && !strings.HasPrefix(call, "docker events ") {
						calls = append(calls, call)
					}
				}
				// Once a day.
				if want := append([]string{networks}, test.wantCalls...); strings.Join(calls, "\n") != strings.Join(want, "\n") {
					t.Errorf("calls:\n%s\nwant:\n%s\n%s%s", strings.Join(calls, "\n"), strings.Join(want, "\n"), got.stdout, got.stderr)
				}
				if log := got.stdout + got.stderr; !strings.Contains(log, test.says) || (test.says == "" && test.keeps == "" && strings.Contains(log, "removed image")) {
					t.Errorf("log:\n%s", log)
				}
				if kept := b.read("var/lib/docker/dindctl/image-gc"); (kept == "") != (test.keeps == "") || !strings.HasSuffix(kept, test.keeps) {
					t.Errorf("kept %q, want %q", kept, test.keeps)
				}
			})
		}
	}
}

// guard.sh records what the file system gained between the two marks of prune.sh.
func TestGuardRecordsPrunes(t *testing.T) {
	const begin, end = "1|volume|dindctl-prune|||create\n", "2|volume|dindctl-prune|||destroy\n"
	for _, test := range []struct {
		name, events string
		percent      []int // of the disk, at each mark
		want         string
	}{
		{"it frees space", begin + end, []int{50, 30}, "P|1795258800|20000\n"},
		{"builds used more", begin + end, []int{50, 60}, "P|1795258800|0\n"},
		{"another volume", "1|volume|other|||create\n2|volume|other|||destroy\n", []int{50, 30}, ""},
		{"only the end", end, []int{50, 30}, ""},
	} {
		for name, shell := range shells(t) {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := newBox(t)
				guardStubs(b)
				b.write("disk", disk(test.percent...))
				b.write("images", "")
				b.write("proc/1/stat", "")
				b.write("events", test.events)
				b.runFile(shell, "guard.sh", []string{"BOX=" + b.root, "DINDCTL_GUARD_INTERVAL=0.2", "EVENTS_ONLY=1"}, "none", "1")
				if got := b.read("var/lib/docker/dindctl/prune"); got != test.want {
					t.Errorf("got %q, want %q", got, test.want)
				}
			})
		}
	}
}

// guard.sh records the last use of each image by name, and by what the name means then; and
// that of volumes and builders.
func TestGuardRecordsUses(t *testing.T) {
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			guardStubs(b)
			b.write("images", image("a", never, never, "app:latest,", "a,")+image("cafe01234", never, never, "", "b,")+
				pulled(image("d", never, never, "", "c,"), "r/x@sha256:99"))
			b.write("proc/1/stat", "")
			b.write("events", strings.Join([]string{
				"1795258001|container|c1|app|n|create", "1795258002|container|c1|docker.io/library/app:latest|n|start", "1795258003|image|registry:5000/x||registry:5000/x|pull",
				"1795258004|container|c1|other|n|exec_start: sh -c x|y", "1795258005|image|sha256:1||1|load", "1795258006|container|c2|cafe01|n|create",
				"1795258007|image|r/x:2@sha256:99||r/x|pull", "1795258008|container|c3||n|create", "1795258009|container|c4|<no value>|n|create",
				"1795258010|image|sha256:gone||app:latest|tag", "1795258011|image|reg/p:1||reg/p|push", "1795258012|volume|v1|||unmount",
				"1795258013|container|c5|buildkit:1|buildx_buildkit_b0|exec_start: buildctl dial-stdio",
			}, "\n")+"\n")
			b.runFile(shell, "guard.sh", []string{"BOX=" + b.root, "DINDCTL_GUARD_INTERVAL=0.3", "EVENTS_ONLY=1"}, "none", "1")
			uses := b.read("var/lib/docker/dindctl/uses")
			for _, want := range []string{
				"E|1795258002|app:latest", "E|1795258002|sha256:a", "E|1795258003|registry:5000/x:latest", "E|1795258005|sha256:1",
				"E|1795258006|sha256:cafe01234", "E|1795258007|r/x@sha256:99", "E|1795258007|sha256:d", "E|1795258010|sha256:gone",
				"E|1795258011|reg/p:1", "E|1795258012|volume/v1", "E|1795258013|builder/buildx_buildkit_b0",
			} {
				if !strings.Contains(uses, want+"\n") {
					t.Errorf("%s is missing in\n%s", want, uses)
				}
			}
			if strings.Contains(uses, "no value") || strings.Contains(uses, "other") {
				t.Errorf("uses\n%s", uses)
			}
			if calls := b.read("calls"); strings.Contains(calls, "--until") || strings.Count(calls, "docker events --since ") != 1 {
				t.Errorf("calls:\n%s", calls)
			}
		})
	}
}

// A state that cannot be written, and a disk that cannot be relieved, do not end guard.sh.
func TestGuardSurvives(t *testing.T) {
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			guardStubs(b)
			b.write("var/lib/docker/dindctl", "not a directory")
			b.write("disk", disk(90, 80, 90, 70))
			b.write("images", image("oldest", "2026-11-01T00:00:00Z", never, "oldest:1,", "o,"))
			b.write("proc/1/stat", "")
			got := b.runFile(shell, "guard.sh", []string{"BOX=" + b.root, "DINDCTL_GUARD_INTERVAL=0"}, "85", "1")
			if got.code != 0 || !strings.Contains(got.stdout, "removed image oldest:1") || b.read("disk") != "" {
				t.Errorf("ended with %d, disk %q:\n%s%s", got.code, b.read("disk"), got.stdout, got.stderr)
			}
		})
	}
}

// What cannot be relieved is on record until it can.
func TestGuardRecordsThatItIsStuck(t *testing.T) {
	for _, test := range []struct {
		name  string
		disk  []int
		stuck string
	}{
		{"above the threshold", []int{97, 97}, "S|1795258800|97|92160|0\n"},
		{"below it again", []int{97, 97, 50}, ""},
	} {
		for name, shell := range shells(t) {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := newBox(t)
				guardStubs(b)
				b.write("disk", disk(test.disk...))
				b.write("images", "")
				b.write("proc/1/stat", "")
				got := b.runFile(shell, "guard.sh", []string{"BOX=" + b.root, "DINDCTL_GUARD_INTERVAL=0", "VOLUMES=90"}, "85", "1")
				if said := strings.Count(got.stderr, "the disk is 97% full, and no more can be removed: volumes hold 0 MiB, and only jobs remove those with a name (docker volume ls)"); said != 1 {
					t.Errorf("said it %d times:\n%s", said, got.stderr)
				}
				if stuck := b.read("var/lib/docker/dindctl/stuck"); stuck != test.stuck {
					t.Errorf("on record: %q, want %q", stuck, test.stuck)
				}
			})
		}
	}
}
