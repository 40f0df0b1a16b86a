package dind

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// dockerStub is a stub of docker. Each line of the files images, stopped, running,
// builders and volumes is what docker prints for one of them in the format of the scripts;
// what is removed is removed from them. The file busy contains how many prunes fail
// because another prune is running.
const dockerStub = `
lines() { for id; do grep -F "L|$id|" "$BOX/$kind"; done 2>/dev/null; }
gone() { for file in "$BOX/images" "$BOX/stopped" "$BOX/running" "$BOX/builders" "$BOX/volumes"; do
    [ ! -f "$file" ] || { grep -vF -e "|$1|" -e "|$1," -e ",$1," "$file" >"$file.new"; mv "$file.new" "$file"; }
done; }
case "$*" in
version*)
    down=$(cat "$BOX/down" 2>/dev/null || echo "${DOWN:-0}")
    echo $((down - 1)) >"$BOX/down"
    [ "$down" -le 0 ] || { echo "Cannot connect to the Docker daemon" >&2; exit 1; }
    echo 29.7.2 ;;
"info --format {{.DriverStatus}}") [ -z "${CONTAINERD:-}" ] || echo "[[driver-type io.containerd.snapshotter.v1]]" ;;
info*) echo "N|2026-11-21T12:00:00.5+01:00" ;;
import*) [ -z "${NO_USES:-}" ] || exit 1; echo sha256:empty ;;
"create --mount"*) echo never-started ;;
"cp never-started:/dindctl/uses "*) cat "$BOX/noted" >"$3" 2>/dev/null ;;
"ps -aq --no-trunc --filter status="*) cut -d '|' -f 2 "$BOX/stopped" 2>/dev/null ;;
"ps -aq --no-trunc --filter name=^buildx_buildkit_") cut -d '|' -f 2 "$BOX/builders" 2>/dev/null ;;
"ps -q --no-trunc") cut -d '|' -f 2 "$BOX/running" 2>/dev/null ;;
"ps "*) echo c1 ;;
"volume ls -q --filter dangling=true") cut -d '|' -f 2 "$BOX/volumes" 2>/dev/null ;;
"volume inspect"*) kind=volumes; lines "$@" ;;
"inspect --format C"*) echo "C|sha256:busy" ;;
"inspect --format L"*)
    kind=running
    case "$*" in *ExecIDs*) kind=builders ;; *FinishedAt*) kind=stopped ;; esac
    lines "$@" ;;
"image ls -a --no-trunc --format {{.ID}}|{{.Repository}}:{{.Tag}}")
    awk -F '|' '{ n = split($5, tags, ",") - 1; if (n < 1) print $2 "|<none>:<none>"; for (i = 1; i <= n; i++) print $2 "|" tags[i] }' "$BOX/images" ;;
"image ls"*) awk -F '|' '$5 != "" { print $2 }' "$BOX/images" ;;
"image inspect --format {{.Id}} "*) for id; do case $id in sha256:*) grep -qF "I|$id|" "$BOX/images" && echo "$id" ;; esac; done ;;
"image inspect"*)
    [ -z "${AGAIN:-}" ] || [ ! -e "$BOX/listed" ] || { echo "I|$5|tagged again"; exit; }
    touch "$BOX/listed"
    for name; do case $name in sha256:cafe01) grep -F "I|$name" "$BOX/images" ;; *:*) grep -F -e "I|$name|" -e "|$name," -e ",$name," "$BOX/images" ;; esac; done ;;
"image rm"*)
    [ -z "${IN_USE:-}" ] || { echo "conflict: container is using it" >&2; exit 1; }
    shift 2
    for name; do [ "$name" = stuck:1 ] || gone "$name"; done ;;
"rm "*|"volume rm"*) for name; do gone "$name"; done ;;
"volume "*) ;;
"builder prune --help") echo "${BUILDER_HELP:-  --keep-storage bytes}" ;;
builder*) printf 'ID\tRECLAIMABLE\nTotal:\t%s\n' "${CACHE:-0B}" ;;
network*) echo "Deleted Networks:" ;;
*prune*)
    busy=$(cat "$BOX/busy" 2>/dev/null || echo 0)
    if [ "$busy" -gt 0 ]; then
        echo $((busy - 1)) >"$BOX/busy"
        echo "Error response from daemon: a prune operation is already running" >&2
        exit 1
    fi
    [ -z "${BROKEN:-}" ] || { echo "deleted: sha256:1"; echo "Error response from daemon: disk on fire" >&2; exit 1; }
    echo "Total reclaimed space: 1.2GB" ;;
esac`

// image returns a line that the stub prints for an image. The stub's time is 11:00 UTC on
// 21 November.
func image(id, created, tagged, tags, layers string) string {
	return "I|sha256:" + id + "|" + created + "|\"" + tagged + "\"|" + tags + "|" + layers + "\n"
}

// pulled returns the line of an image with a digest.
func pulled(line, digest string) string {
	return strings.TrimSuffix(line, "\n") + "|" + digest + ",\n"
}

const never = "0001-01-01T00:00:00Z"

func TestPruneScript(t *testing.T) {
	const (
		version  = "docker version --format {{.Server.Version}}"
		until    = " --filter until=168h"
		networks = "docker network prune -f"
		images   = "docker image prune -af"
		cache    = "docker builder prune -af"
		flags    = "docker builder prune --help"
	)
	const fresh = "2026-11-21T10:00:00Z"
	var (
		old  = image("old", "2026-11-01T00:00:00Z", never, "old:1,", "a,")
		busy = image("busy", "2026-01-01T00:00:00Z", never, "busy:1,", "b,")
	)
	for _, test := range []struct {
		name      string
		env       []string
		images    string
		noted     string
		busy      string
		wantCode  int
		wantCalls []string // without calls that only inspect images
		result    string
		wantError string
	}{
		{name: "an old image", env: []string{"PRUNE_UNUSED_FOR=168h"}, images: old + busy,
			wantCalls: []string{version, networks + until, "docker image rm old:1", cache + until}},
		{name: "all tags of an image", env: []string{"PRUNE_UNUSED_FOR=168h"}, images: image("old", "2026-11-14T10:59:59Z", never, "old:1,registry:5000/old:2,", "a,"),
			wantCalls: []string{version, networks + until, "docker image rm old:1 registry:5000/old:2", cache + until}},
		{name: "an image without a tag", env: []string{"PRUNE_UNUSED_FOR=168h"}, images: image("old", "2026-11-01T00:00:00Z", never, "", "a,"),
			wantCalls: []string{version, networks + until, "docker image rm sha256:old", cache + until}},
		{name: "an image as old as PRUNE_UNUSED_FOR", env: []string{"PRUNE_UNUSED_FOR=168h"}, images: image("old", "2026-11-14T12:00:00.5+01:00", never, "old:1,", "a,"),
			wantCalls: []string{version, networks + until, "docker image rm old:1", cache + until}},
		{name: "an image one second younger than PRUNE_UNUSED_FOR", env: []string{"PRUNE_UNUSED_FOR=168h"}, images: image("old", "2026-11-14T11:00:01Z", never, "old:1,", "a,"),
			wantCalls: []string{version, networks + until, cache + until}},
		{name: "an old image that a build tagged again", env: []string{"PRUNE_UNUSED_FOR=168h"}, images: image("old", "2026-11-01T00:00:00Z", fresh, "old:1,", "a,"),
			wantCalls: []string{version, networks + until, cache + until}},
		{name: "the base of a recent image", env: []string{"PRUNE_UNUSED_FOR=168h"}, images: old + image("busy", fresh, never, "busy:1,", "a,b,"),
			wantCalls: []string{version, networks + until, cache + until}},
		{name: "the base of an old image in use", env: []string{"PRUNE_UNUSED_FOR=168h"}, images: old + image("busy", "2026-01-01T00:00:00Z", never, "busy:1,", "a,b,"),
			wantCalls: []string{version, networks + until, cache + until}},
		{name: "a layer with the same prefix is no base", env: []string{"PRUNE_UNUSED_FOR=168h"}, images: old + image("busy", fresh, never, "busy:1,", "ab,c,"),
			wantCalls: []string{version, networks + until, "docker image rm old:1", cache + until}},
		{name: "an image of unknown age", env: []string{"PRUNE_UNUSED_FOR=168h"}, images: image("old", "<no value>", never, "old:1,", "a,"),
			wantCalls: []string{version, networks + until, cache + until}},
		{name: "an image tagged during the prune", env: []string{"PRUNE_UNUSED_FOR=168h", "AGAIN=1"}, images: old,
			wantCalls: []string{version, networks + until, cache + until}},
		{name: "an image that a container uses since", env: []string{"PRUNE_UNUSED_FOR=168h", "IN_USE=1"}, images: old,
			wantCalls: []string{version, networks + until, "docker image rm old:1", cache + until}},
		{name: "an image that was pulled, by its digest", env: []string{"PRUNE_UNUSED_FOR=168h"}, images: pulled(image("old", "2020-01-01T00:00:00Z", never, "", "a,"), "r/x@sha256:d"),
			noted: "E|1795200000|r/x@sha256:d\n", wantCalls: []string{version, networks + until, cache + until}},
		{name: "an image that was pulled long ago, by its digest", env: []string{"PRUNE_UNUSED_FOR=168h"}, images: pulled(image("old", "2020-01-01T00:00:00Z", never, "", "a,"), "r/x@sha256:d"),
			noted: "E|1790000000|r/x@sha256:d\n", wantCalls: []string{version, networks + until, "docker image rm r/x@sha256:d", cache + until}},
		{name: "an old image that was started", env: []string{"PRUNE_UNUSED_FOR=168h"}, images: old, noted: "E|17U|old:1\nE|1795200000|sha256:old\nE|",
			wantCalls: []string{version, networks + until, cache + until}},
		{name: "it is unknown what was used", env: []string{"PRUNE_UNUSED_FOR=168h", "NO_USES=1"}, images: old, noted: "E|1795200000|old:1\n",
			wantCalls: []string{version, networks + until, "docker image rm old:1", cache + until}},
		{name: "minutes and seconds", env: []string{"PRUNE_UNUSED_FOR=1h0.5m30s"}, images: image("old", "2026-11-21T09:58:59Z", never, "old:1,", "a,"),
			wantCalls: []string{version, networks + " --filter until=1h0.5m30s", "docker image rm old:1", cache + " --filter until=1h0.5m30s"}},
		{name: "everything unused", env: []string{"PRUNE_UNUSED_FOR=0"},
			wantCalls: []string{version, networks, images, cache}},
		{name: "keeping some cache, old buildx", env: []string{"PRUNE_UNUSED_FOR=168h", "PRUNE_KEEP_STORAGE=1000"}, images: old + busy,
			wantCalls: []string{version, networks + until, "docker image rm old:1", flags, cache + " --keep-storage 1000"}},
		{name: "keeping some cache, new buildx", env: []string{"PRUNE_UNUSED_FOR=0", "PRUNE_KEEP_STORAGE=1000", "BUILDER_HELP=--max-used-space --reserved-space"},
			wantCalls: []string{version, networks, "docker image prune -af", flags, cache + " --reserved-space 1000"}},
		{name: "the daemon would forget cache", env: []string{"PRUNE_UNUSED_FOR=168h", "CONTAINERD=1"}, images: old,
			wantCalls: []string{version, networks + until, "docker image rm old:1"}},
		{name: "the daemon forgets cache, but somebody wants it", env: []string{"PRUNE_UNUSED_FOR=168h", "CONTAINERD=1", "PRUNE_CACHE_NOW=1"},
			wantCalls: []string{version, networks + until, cache + until}},
		{name: "there is no cache to forget", env: []string{"PRUNE_UNUSED_FOR=0", "CONTAINERD=1"},
			wantCalls: []string{version, networks, images, cache}},
		{name: "after another prune", env: []string{"PRUNE_UNUSED_FOR=0"}, busy: "2",
			wantCalls: []string{version, networks, images, images, images, cache}},
		{name: "another prune runs too long", env: []string{"PRUNE_UNUSED_FOR=0"}, busy: "400",
			wantCode: 1, wantError: "half an hour", result: `{"error":"another prune has been running for half an hour"}`},
		{name: "daemon unreachable", env: []string{"PRUNE_UNUSED_FOR=0", "DOWN=99", "DOCKER_HOST=tcp://gone:2375"},
			wantCode: 1, wantCalls: slices.Repeat([]string{version}, 15), wantError: "daemon at tcp://gone:2375 is not responding",
			result: `{"error":"the Docker daemon at tcp://gone:2375 is not responding (Cannot connect to the Docker daemon); is its pod ready?"}`},
		{name: "daemon unreachable at first", env: []string{"PRUNE_UNUSED_FOR=0", "DOWN=2"},
			wantCalls: []string{version, version, version, networks, images, cache}},
		{name: "prune fails", env: []string{"PRUNE_UNUSED_FOR=0", "BROKEN=1"},
			wantCode: 1, wantCalls: []string{version, networks, images}, wantError: "disk on fire",
			result: `{"error":"docker image prune -af failed: Error response from daemon: disk on fire"}`},
		{name: "no age", wantCode: 1, wantCalls: []string{""}, wantError: "PRUNE_UNUSED_FOR is not set"},
	} {
		for name, shell := range shells(t) {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := newBox(t)
				b.stub("docker", dockerStub)
				b.write("images", test.images)
				b.write("noted", test.noted)
				if test.busy != "" {
					b.write("busy", test.busy)
				}
				got := b.runFile(shell, "prune.sh", append(test.env, "BOX="+b.root))
				if got.code != test.wantCode {
					t.Errorf("exit code %d, want %d; stderr:\n%s", got.code, test.wantCode, got.stderr)
				}
				calls := slices.DeleteFunc(got.calls, inspects)
				if test.wantCalls != nil && strings.Join(calls, "\n") != strings.Join(test.wantCalls, "\n") {
					t.Errorf("calls:\n%s\nwant:\n%s", strings.Join(calls, "\n"), strings.Join(test.wantCalls, "\n"))
				}
				message := strings.TrimSpace(b.read("dev/termination-log"))
				if test.result != "" && message != test.result {
					t.Errorf("termination message %s, want %s", message, test.result)
				}
				if failure := PruneFailure(message); (failure != "") != (test.wantCode != 0) {
					t.Errorf("PruneFailure: %q", failure)
				}
				all := b.read("calls")
				if begins, ends := strings.Count(all, "docker volume create dindctl-prune"), strings.Count(all, "docker volume rm dindctl-prune"); begins != ends || (test.wantCode == 0) && begins != 1 {
					t.Errorf("the prune is marked %d times, and %d times as ended", begins, ends)
				}
				if !strings.Contains(got.stderr, test.wantError) {
					t.Errorf("stderr %q does not contain %q", got.stderr, test.wantError)
				}
				var commands []string
				waited := false
				for line := range strings.Lines(got.stdout) {
					text, waiting := ReadPruneLine(strings.TrimSpace(line))
					waited = waited || waiting
					if strings.HasPrefix(text, "docker ") {
						commands = append(commands, text)
					}
				}
				if prunes := strings.Contains(strings.Join(calls, "\n"), " prune "); waited != (test.busy != "" || strings.Contains(test.name, "somebody")) || prunes != (len(commands) > 0) {
					t.Errorf("ReadPruneLine returns %q, waiting %v:\n%s", commands, waited, got.stdout)
				}
			})
		}
	}
}

// inspects reports whether a call only inspects images, or marks the prune.
func inspects(call string) bool {
	return regexp.MustCompile(`^docker (info|ps|inspect|import|create|cp|rm never-started|image ls|image inspect|image rm sha256:empty|volume (ls|inspect|create|rm dindctl-prune))\b`).MatchString(call)
}
