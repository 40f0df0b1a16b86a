package dind

import (
	"fmt"
	"strings"
	"testing"
)

// guardStubs adds stubs of docker, stat and date. The file images contains the images,
// each line of the file disk is one output of stat. The daemon exits after the last line.
func guardStubs(b box) {
	b.stub("docker", `
case "$*" in
info*) echo "N|2026-11-21T11:00:00Z" ;;
events*) [ -s "$BOX/disk" ] || rm -rf "$BOX/proc/1"; cat "$BOX/events" 2>/dev/null; rm -f "$BOX/events" ;;
"ps "*) echo c1 ;;
"inspect "*) echo "C|sha256:busy" ;;
"image ls"*) cut -d '|' -f 2 "$BOX/images" ;;
"image inspect"*) for id; do case $id in sha256:*) grep -F "I|$id|" "$BOX/images" ;; esac; done ;;
"image rm stuck:1") echo "conflict" >&2; exit 1 ;;
esac`)
	b.write("bin/stat", `#!/bin/sh
head -n 1 "$BOX/disk"
sed -i 1d "$BOX/disk"
[ -s "$BOX/disk" ] || rm -rf "$BOX/proc/1"
`)
	b.write("bin/date", `#!/bin/sh
if [ -n "${TMPFS:-}" ] && mkdir "$BOX/mounted" 2>/dev/null; then rm -rf "$BOX/tmp/dindctl-guard"; fi
echo 1795258800
`)
}

// disk returns outputs of stat with these percentages of blocks in use: the first one
// also before the first interval.
func disk(percents ...int) string {
	var lines strings.Builder
	fmt.Fprintf(&lines, "1000 100 %d 0 0\n", 100-percents[0])
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
	const cache = "docker builder prune -f --filter until="
	for _, test := range []struct {
		name, high   string
		disk         string // one line per check
		images, uses string
		env          []string
		wantCalls    []string
		says, keeps  string // contents of the log and of the file image-gc
	}{
		{name: "below the threshold", high: "85", disk: disk(84), images: all},
		{name: "no threshold", high: "none", disk: "", images: all},
		{name: "least recently used images, until enough is free", high: "85", disk: disk(85, 82, 80), images: all,
			wantCalls: []string{"docker image rm oldest:1 oldest:2", cache + "1767600s", "docker image rm old:1", cache + "990000s"},
			says:      "removed 2 images and freed 5000 bytes", keeps: "|2|5000\n"},
		{name: "no image that is recent or in use", high: "85", disk: disk(99, 99, 99, 99), images: all,
			wantCalls: []string{"docker image rm oldest:1 oldest:2", cache + "1767600s", "docker image rm old:1", cache + "990000s", "docker image rm young:1", cache + "10800s"},
			says:      "removed 3 images", keeps: "|3|0\n"},
		{name: "an image that a container used stays longer", high: "85", disk: disk(85, 80), images: oldest + old, uses: "E|1795251600|oldest:2\n",
			wantCalls: []string{"docker image rm old:1", cache + "990000s"}, keeps: "|1|5000\n"},
		{name: "an image that a container used recently stays", high: "85", disk: disk(85), images: oldest, uses: "E|1795258700|oldest:1\n",
			says: "the disk is 85% full, but no image can be removed"},
		{name: "the base of a recent image stays", high: "85", disk: disk(85), images: oldest + image("spared", fresh, never, "spared:1,", "o,s,"),
			says: "no image can be removed"},
		{name: "the daemon refuses to remove an image", high: "85", disk: disk(85, 80), images: stuck + oldest,
			wantCalls: []string{"docker image rm stuck:1", "docker image rm oldest:1 oldest:2", cache + "1767600s"}, keeps: "|1|5000\n"},
		{name: "DINDCTL_IMAGE_SPARE", high: "85", disk: disk(85, 80), images: spared, env: []string{"DINDCTL_IMAGE_SPARE=60"},
			wantCalls: []string{"docker image rm spared:1", cache + "1800s"}, keeps: "|1|5000\n"},
		{name: "the entrypoint mounts /tmp", high: "85", disk: disk(85, 80), images: oldest, env: []string{"TMPFS=1"},
			wantCalls: []string{"docker image rm oldest:1 oldest:2", cache + "1767600s"}, keeps: "|1|5000\n"},
		{name: "too many inodes", high: "85", disk: strings.Repeat("1000 100 90 1000 140\n", 2) + disk(10), images: oldest,
			wantCalls: []string{"docker image rm oldest:1 oldest:2", cache + "1767600s"}, keeps: "|1|0\n"},
		{name: "stat fails", high: "85", disk: "oops\n", images: oldest},
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
				if strings.Join(calls, "\n") != strings.Join(test.wantCalls, "\n") {
					t.Errorf("calls:\n%s\nwant:\n%s\n%s%s", strings.Join(calls, "\n"), strings.Join(test.wantCalls, "\n"), got.stdout, got.stderr)
				}
				if log := got.stdout + got.stderr; !strings.Contains(log, test.says) || (test.says == "" && test.keeps == "" && strings.Contains(log, "removed")) {
					t.Errorf("log:\n%s", log)
				}
				if kept := b.read("var/lib/docker/dindctl/image-gc"); (kept == "") != (test.keeps == "") || !strings.HasSuffix(kept, test.keeps) {
					t.Errorf("kept %q, want %q", kept, test.keeps)
				}
			})
		}
	}
}

// guard.sh records what the file system gained between the two marks of prune.sh, which
// may come in one interval or in several.
func TestGuardRecordsPrunes(t *testing.T) {
	const begin, end = "create|1|dindctl-prune|\n", "destroy|2|dindctl-prune|\n"
	for _, test := range []struct {
		name    string
		events  []string // in each interval
		percent []int    // of the disk, at the start and in each interval
		want    string
	}{
		{"in the first interval", []string{begin + end}, []int{50, 30}, "P|1795258800|20000\n"},
		{"in a later interval", []string{"", begin + end}, []int{60, 50, 30}, "P|1795258800|20000\n"},
		{"in two intervals", []string{begin, end}, []int{50, 40, 30}, "P|1795258800|20000\n"},
		{"builds used more", []string{begin + end}, []int{50, 60}, "P|1795258800|0\n"},
		{"another volume", []string{"create|1|other|\ndestroy|2|other|\n"}, []int{50, 30}, ""},
		{"only the end", []string{end}, []int{50, 30}, ""},
	} {
		for name, shell := range shells(t) {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := newBox(t)
				guardStubs(b)
				_, used, _ := strings.Cut(disk(test.percent...), "\n")
				b.write("disk", used)
				b.write("proc/1/stat", "")
				for n, events := range test.events {
					b.write(fmt.Sprintf("events-%d", n), events)
				}
				b.stub("docker", `case "$*" in events*) n=$(cat "$BOX/n" 2>/dev/null || echo 0); cat "$BOX/events-$n" 2>/dev/null; echo $((n + 1)) >"$BOX/n" ;; esac`)
				b.runFile(shell, "guard.sh", []string{"BOX=" + b.root, "DINDCTL_GUARD_INTERVAL=0"}, "none", "1")
				if got := b.read("var/lib/docker/dindctl/prune"); got != test.want {
					t.Errorf("got %q, want %q", got, test.want)
				}
			})
		}
	}
}

// guard.sh records the last use of each image by tag.
func TestGuardRecordsUses(t *testing.T) {
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			guardStubs(b)
			b.write("disk", disk(30, 30))
			b.write("images", "")
			b.write("proc/1/stat", "")
			b.write("events", strings.Join([]string{
				"create|4000000001|c1|app", "start|4000000002|c1|docker.io/library/app:latest", "pull|4000000003|registry:5000/x|", "die|4000000004|c1|other",
				"load|4000000005|sha256:1|", "create|4000000006|c2|sha256:1", "exec_start: sh -c x|y|4000000007|c2|app", "create|4000000008|c3|", "create|4000000009|sha256:2|<no value>",
			}, "\n")+"\n")
			b.runFile(shell, "guard.sh", []string{"BOX=" + b.root, "DINDCTL_GUARD_INTERVAL=0"}, "85", "1")
			uses := strings.Split(strings.TrimSpace(b.read("var/lib/docker/dindctl/uses")), "\n")
			for _, want := range []string{"E|4000000002|app:latest", "E|4000000003|registry:5000/x:latest", "E|4000000006|sha256:1"} {
				if n := strings.Count(strings.Join(uses, "\n")+"\n", want+"\n"); n != 1 || len(uses) != 3 {
					t.Errorf("uses %q, want %s once, got %d", uses, want, n)
				}
			}
			if calls := b.read("calls"); !strings.Contains(calls, "docker events --since ") {
				t.Errorf("calls:\n%s", calls)
			}
		})
	}
}
