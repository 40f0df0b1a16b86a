package dind

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// shells are those that run the scripts in images: dash in Debian's, BusyBox
// ash in Alpine's. Each that this machine has is tested.
func shells(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for name, command := range map[string][]string{"sh": {"sh"}, "dash": {"dash"}, "ash": {"busybox", "ash"}} {
		if path, err := exec.LookPath(command[0]); err == nil {
			found[name] = append([]string{path}, command[1:]...)
		}
	}
	if len(found) == 0 {
		t.Skip("no shell on this machine")
	}
	return found
}

// box is a directory that a script runs in: its own root for the files that
// the script reads and writes, and stubs for the programs that it calls.
type box struct {
	t    *testing.T
	root string
}

func newBox(t *testing.T) box {
	b := box{t: t, root: t.TempDir()}
	b.write("dev/termination-log", "")
	b.write("tmp/keep", "")
	b.write("bin/keep", "")
	return b
}

func (b box) write(name, text string) {
	b.t.Helper()
	path := filepath.Join(b.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		b.t.Fatal(err)
	}
}

func (b box) read(name string) string {
	text, _ := os.ReadFile(filepath.Join(b.root, name))
	return string(text)
}

// stub puts a program on the script's PATH; it notes its arguments in calls.
func (b box) stub(name, body string) {
	b.write("bin/"+name, fmt.Sprintf("#!/bin/sh\necho \"%s $*\" >>%s/calls\n%s\n", name, b.root, body))
}

type outcome struct {
	code           int
	stdout, stderr string
	calls          []string
}

// move has the script's absolute paths lead into the box, and leaves out its naps.
func (b box) move(script string) string {
	var moves []string
	for _, path := range []string{"/proc/", "/sys/", "/dev/termination-log", "/tmp/", "/var/run/", "/var/lib/", "/etc/dindctl/"} {
		moves = append(moves, path, b.root+path)
	}
	script = strings.NewReplacer(moves...).Replace(script)
	script = regexp.MustCompile(`sleep [0-9.]+`).ReplaceAllString(script, "sleep 0")
	// BusyBox may have a stat of its own, which it takes before the PATH's.
	return regexp.MustCompile(`\((stat|date) `).ReplaceAllString(script, "("+b.root+"/bin/$1 ")
}

// runFile runs a script of the ConfigMap's as the container does, with the others
// beside it. Those that the box has already are left alone. The shell sh, most
// often one of the other two, runs them with their comments, to the same end.
func (b box) runFile(shell []string, name string, env []string, args ...string) outcome {
	b.t.Helper()
	files := scripts()
	if filepath.Base(shell[0]) == "sh" {
		files = commented()
	}
	for key, script := range files {
		if b.read("etc/dindctl/"+key) == "" {
			b.write("etc/dindctl/"+key, b.move(script))
		}
	}
	return b.run(shell, env, append([]string{filepath.Join(b.root, "etc/dindctl", name)}, args...)...)
}

// runText runs the text of a script.
func (b box) runText(shell []string, script string, env []string) outcome {
	b.t.Helper()
	return b.run(shell, env, "-c", b.move(script))
}

// run runs a shell; where it is BusyBox's, with BusyBox's programs, as Alpine does.
func (b box) run(shell []string, env []string, args ...string) outcome {
	b.t.Helper()
	if len(shell) > 1 {
		for _, applet := range []string{"awk", "cat", "cut", "grep", "mkdir", "sed", "sort", "tail", "tr", "xargs"} {
			if err := os.Symlink(shell[0], filepath.Join(b.root, "bin", applet)); err != nil && !errors.Is(err, os.ErrExist) {
				b.t.Fatal(err)
			}
		}
	}
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, shell[0], append(shell[1:len(shell):len(shell)], args...)...)
	cmd.Env = append(env, "PATH="+b.root+"/bin:"+os.Getenv("PATH"))
	cmd.WaitDelay = time.Minute
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		b.t.Fatal(err)
	}
	return outcome{
		code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String(),
		calls: strings.Split(strings.TrimSpace(b.read("calls")), "\n"),
	}
}

// Kubernetes would change a script in a command on its way to the shell.
func TestVerifyScriptSurvivesKubernetes(t *testing.T) {
	if strings.Contains(verifyScript, "$$") {
		t.Error("two dollar signs become one")
	}
	if found := regexp.MustCompile(`\$\([A-Za-z0-9_.-]+\)`).FindString(verifyScript); found != "" {
		t.Errorf("%s is replaced if a variable has that name", found)
	}
}

// What the ConfigMap has of a script does the same: no line that is left out is
// part of a text.
func TestWithoutComments(t *testing.T) {
	if got, want := withoutComments("# one\n\na # two\n  # three\n\tb\n \n#\n"), "a # two\n\tb\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	data, _ := plan{Options: Defaults()}.configData()
	for name, script := range data {
		if strings.Contains(script, "<<") {
			t.Errorf("%s has a here-document, of which lines may be missing", name)
		}
		if strings.Contains(script, "\t") {
			t.Errorf("%s: a tab makes the manifest unreadable, as YAML has no block with tabs", name)
		}
	}
}

// No manifest has a script in a command: what a pod runs is mounted, and there.
func TestScriptsAreMounted(t *testing.T) {
	for _, in := range installations() {
		manifests, err := mustBuild(t, in).YAML()
		if err != nil {
			t.Fatal(err)
		}
		d := decode(t, manifests)
		pods := []corev1.PodSpec{d.deployment.Spec.Template.Spec}
		if d.cronJob != nil {
			pods = append(pods, PruneJob(d.cronJob, PruneOverrides{}, "now").Spec.Template.Spec)
		}
		for _, pod := range pods {
			container := pod.Containers[0]
			commands := slices.Clone(container.Command)
			if container.StartupProbe != nil {
				commands = append(commands, container.StartupProbe.Exec.Command...)
			}
			for _, word := range commands {
				name, isScript := strings.CutPrefix(word, scriptsPath+"/")
				if isScript && d.config.Data[name] == "" || strings.Contains(word, "\n") {
					t.Errorf("%s: %s runs %q", in.name, container.Name, word)
				}
			}
			if len(commands) == 0 || !slices.ContainsFunc(container.VolumeMounts, func(m corev1.VolumeMount) bool {
				return m.Name == ConfigVolumeName && m.MountPath == scriptsPath && m.SubPath == "" && m.ReadOnly
			}) {
				t.Errorf("%s: %s runs %q with %v", in.name, container.Name, commands, container.VolumeMounts)
			}
			if !slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool {
				return v.Name == ConfigVolumeName && v.ConfigMap != nil && v.ConfigMap.Name == d.config.Name
			}) {
				t.Errorf("%s: %s has the volumes %v", in.name, container.Name, pod.Volumes)
			}
		}
	}
}

// The pod rolls for what the daemon reads as it starts, and for nothing else.
func TestConfigHash(t *testing.T) {
	data, hash := plan{Options: Defaults()}.configData()
	for key := range data {
		changed := maps.Clone(data)
		changed[key] += "x"
		if rolls := configHash(changed) != hash; rolls != (key != pruneScriptName) {
			t.Errorf("%s rolls the pod: %v", key, rolls)
		}
	}
}

func TestStartScript(t *testing.T) {
	const (
		header   = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
		onLink   = "eth1\t0000F40A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
		viaEth0  = "eth0\t00000000\t0100F40A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
		half     = "tun0\t00000000\t0100F40A\t0003\t0\t0\t0\t00000080\t0\t0\t0\n"
		zeroes   = "00000000000000000000000000000000"
		viaNet6  = zeroes + " 00 " + zeroes + " 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     net6\n"
		noRoute6 = zeroes + " 00 " + zeroes + " 00 " + zeroes + " ffffffff 00000001 00000000 00200200       lo\n"
		network  = "--default-network-opt=bridge=com.docker.network.driver.mtu="
	)
	for _, test := range []struct {
		name, mtu, route, route6, help string
		want                           string
	}{
		{"the default route's interface", "auto", header + onLink + viaEth0, "", "--default-network-opt", "--mtu=1450 " + network + "1450 --tls=false -D"},
		{"half a default route is none", "auto", header + half + viaEth0, "", "--default-network-opt", "--mtu=1450 " + network + "1450 --tls=false -D"},
		{"IPv6 only", "auto", header, noRoute6 + viaNet6, "--default-network-opt", "--mtu=1280 " + network + "1280 --tls=false -D"},
		{"IPv4 before IPv6", "auto", header + viaEth0, viaNet6, "--default-network-opt", "--mtu=1450 " + network + "1450 --tls=false -D"},
		{"an engine before 24", "auto", header + viaEth0, "", "--mtu int", "--mtu=1450 --tls=false -D"},
		{"no default route", "auto", header + onLink, noRoute6, "--default-network-opt", "--tls=false -D"},
		{"no routes at all", "auto", "", "", "--default-network-opt", "--tls=false -D"},
		{"an interface that is gone", "auto", header + strings.Replace(viaEth0, "eth0", "eth9", 1), "", "--default-network-opt", "--tls=false -D"},
		{"a number asked for", "9000", header + viaEth0, "", "--default-network-opt", "--mtu=9000 " + network + "9000 --tls=false -D"},
	} {
		for name, shell := range shells(t) {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := newBox(t)
				if test.route != "" {
					b.write("proc/net/route", test.route)
				}
				if test.route6 != "" {
					b.write("proc/net/ipv6_route", test.route6)
				}
				for name, mtu := range map[string]string{"eth0": "1450", "eth1": "1500", "tun0": "1400", "net6": "1280", "lo": "65536"} {
					b.write("sys/class/net/"+name+"/mtu", mtu+"\n")
				}
				b.write("bin/dockerd", "#!/bin/sh\necho '"+test.help+"'\n")
				b.stub("dockerd-entrypoint.sh", "exit 7")
				b.write("proc/self/stat", "77 (sh) S 0\n")
				// The guard sees its daemon end, or it would be started again.
				b.write("proc/77/stat", "")
				b.stub("guard", `rm -r "$BOX/proc/77"; exit 3`)
				b.write("etc/dindctl/guard.sh", `guard "$@"`)
				got := b.runFile(shell, "start.sh", []string{"BOX=" + b.root}, test.mtu, "85", "--tls=false", "-D")
				guard := slices.Index(got.calls, "guard 85 77")
				if guard < 0 || !strings.Contains(got.stderr, "the guard of the disk ended (3)") {
					t.Fatalf("ran %q, told %q", got.calls, got.stderr)
				}
				got.calls = slices.Delete(got.calls, guard, guard+1)
				if want := "dockerd-entrypoint.sh " + test.want; len(got.calls) != 1 || got.calls[0] != want {
					t.Errorf("ran %q, want %q", got.calls, want)
				}
				if got.code != 7 {
					t.Errorf("exit code %d is not the daemon's", got.code)
				}
				if unknown := strings.Contains(got.stderr, "unknown"); unknown == strings.Contains(test.want, "--mtu") {
					t.Errorf("stderr: %q", got.stderr)
				}
			})
		}
	}
}

// dockerStub answers like docker: the daemon's version, disk use, one total
// for a prune, help. BUSY prunes find another one at work.
const dockerStub = `
case "$*" in
version*) [ -z "${DOWN:-}" ] || { echo "Cannot connect to the Docker daemon" >&2; exit 1; }; echo 29.7.2 ;;
"system df") [ -z "${NO_DF:-}" ] || exit 1; echo "TYPE TOTAL" ;;
"system df --format"*) echo "Images|$(cat "$BOX/size" 2>/dev/null || echo 3)GB"; echo "Build Cache|7GB" ;;
"buildx du") printf 'Shared:\t\t1GB\nPrivate:\t500MB\nTotal:\t1.5GB\n' ;;
info*) echo "N|2026-11-21T12:00:00.5+01:00" ;;
"ps "*) echo c1 ;;
"inspect "*) echo "C|sha256:busy" ;;
"image ls"*) printf 'sha256:busy\nsha256:old\n' ;;
"image inspect"*)
    for id; do
        case $id in sha256:*) if [ -n "${AGAIN:-}" ] && [ "$#" -eq 5 ]; then echo "I|$id|tagged again"; else grep -F "I|$id|" "$BOX/images"; fi ;; esac
    done ;;
"image rm"*)
    [ -z "${IN_USE:-}" ] || { echo "conflict: container is using it" >&2; exit 1; }
    echo 1 >"$BOX/size" ;;
"builder prune --help") echo "${BUILDER_HELP:-  --keep-storage bytes}" ;;
builder*) printf 'ID\tRECLAIMABLE\nTotal:\t300MB\n' ;;
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

// facts about images, as docker gives them in the stub: a moment for each of
// made and tagged, tags, layers. It is 11:00 UTC on 21 November.
func image(id, made, tagged, tags, layers string) string {
	return "I|sha256:" + id + "|" + made + "|\"" + tagged + "\"|" + tags + "|" + layers + "\n"
}

const never = "0001-01-01T00:00:00Z"

func TestPruneScript(t *testing.T) {
	const (
		version, df = "docker version --format {{.Server.Version}}", "docker system df"
		until       = " --filter until=168h"
		containers  = "docker container prune -f"
		networks    = "docker network prune -f"
		cache       = "docker builder prune -af"
		flags       = "docker builder prune --help"
		bytes       = `,"2000000000B"`
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
		busy      string
		wantCode  int
		wantCalls []string // but for those that only look at images
		result    string
		wantError string
	}{
		{name: "what is old enough", env: []string{"PRUNE_UNUSED_FOR=168h"}, images: old + busy,
			wantCalls: []string{version, df, containers + until, networks + until, "docker image rm old:1", cache + until, df},
			result:    `{"reclaimed":["1.2GB"` + bytes + `,"300MB"]}`},
		{name: "all tags of an image", env: []string{"PRUNE_UNUSED_FOR=168h"}, images: image("old", "2026-11-14T10:59:59Z", never, "old:1,registry:5000/old:2,", "a,"),
			wantCalls: []string{version, df, containers + until, networks + until, "docker image rm old:1 registry:5000/old:2", cache + until, df}},
		{name: "an image without a tag", env: []string{"PRUNE_UNUSED_FOR=168h"}, images: image("old", "2026-11-01T00:00:00Z", never, "", "a,"),
			wantCalls: []string{version, df, containers + until, networks + until, "docker image rm sha256:old", cache + until, df}},
		{name: "an image made within the time", env: []string{"PRUNE_UNUSED_FOR=168h"}, images: image("old", "2026-11-14T12:00:00.5+01:00", never, "old:1,", "a,"),
			wantCalls: []string{version, df, containers + until, networks + until, "docker image rm old:1", cache + until, df}},
		{name: "an image made just within the time", env: []string{"PRUNE_UNUSED_FOR=168h"}, images: image("old", "2026-11-14T11:00:01Z", never, "old:1,", "a,"),
			wantCalls: []string{version, df, containers + until, networks + until, cache + until, df}, result: `{"reclaimed":["1.2GB","300MB"]}`},
		{name: "an old image that a build tagged again", env: []string{"PRUNE_UNUSED_FOR=168h"}, images: image("old", "2026-11-01T00:00:00Z", fresh, "old:1,", "a,"),
			wantCalls: []string{version, df, containers + until, networks + until, cache + until, df}},
		{name: "the base of a fresh image", env: []string{"PRUNE_UNUSED_FOR=168h"}, images: old + image("busy", fresh, never, "busy:1,", "a,b,"),
			wantCalls: []string{version, df, containers + until, networks + until, cache + until, df}},
		{name: "the base of an old image in use", env: []string{"PRUNE_UNUSED_FOR=168h"}, images: old + image("busy", "2026-01-01T00:00:00Z", never, "busy:1,", "a,b,"),
			wantCalls: []string{version, df, containers + until, networks + until, cache + until, df}},
		{name: "no base, but a layer of the same beginning", env: []string{"PRUNE_UNUSED_FOR=168h"}, images: old + image("busy", fresh, never, "busy:1,", "ab,c,"),
			wantCalls: []string{version, df, containers + until, networks + until, "docker image rm old:1", cache + until, df}},
		{name: "an image of unknown age", env: []string{"PRUNE_UNUSED_FOR=168h"}, images: image("old", "<no value>", never, "old:1,", "a,"),
			wantCalls: []string{version, df, containers + until, networks + until, cache + until, df}},
		{name: "an image tagged while others went", env: []string{"PRUNE_UNUSED_FOR=168h", "AGAIN=1"}, images: old,
			wantCalls: []string{version, df, containers + until, networks + until, cache + until, df}},
		{name: "an image that a container got in between", env: []string{"PRUNE_UNUSED_FOR=168h", "IN_USE=1"}, images: old,
			wantCalls: []string{version, df, containers + until, networks + until, "docker image rm old:1", cache + until, df}},
		{name: "minutes and seconds", env: []string{"PRUNE_UNUSED_FOR=1h0.5m30s"}, images: image("old", "2026-11-21T09:58:59Z", never, "old:1,", "a,"),
			wantCalls: []string{version, df, containers + " --filter until=1h0.5m30s", networks + " --filter until=1h0.5m30s", "docker image rm old:1", cache + " --filter until=1h0.5m30s", df}},
		{name: "everything unused", env: []string{"PRUNE_UNUSED_FOR=0"},
			wantCalls: []string{version, df, "docker system prune -af", df}, result: `{"reclaimed":["1.2GB"]}`},
		{name: "keeping some cache", env: []string{"PRUNE_UNUSED_FOR=168h", "PRUNE_KEEP_STORAGE=1000"}, images: old + busy,
			wantCalls: []string{version, df, containers + until, networks + until, "docker image rm old:1", flags, cache + " --keep-storage 1000", df},
			result:    `{"reclaimed":["1.2GB"` + bytes + `,"300MB"]}`},
		{name: "keeping some cache, new buildx", env: []string{"PRUNE_UNUSED_FOR=0", "PRUNE_KEEP_STORAGE=1000", "BUILDER_HELP=--max-used-space --reserved-space"},
			wantCalls: []string{version, df, containers, networks, "docker image prune -af", flags, cache + " --reserved-space 1000", df},
			result:    `{"reclaimed":["1.2GB","1.2GB","300MB"]}`},
		{name: "after another prune", env: []string{"PRUNE_UNUSED_FOR=0"}, busy: "2",
			wantCalls: []string{version, df, "docker system prune -af", "docker system prune -af", "docker system prune -af", df},
			result:    `{"reclaimed":["1.2GB"]}`},
		{name: "another prune for too long", env: []string{"PRUNE_UNUSED_FOR=0"}, busy: "400",
			wantCode: 1, wantError: "half an hour", result: `{"error":"another prune has been running for half an hour"}`},
		{name: "disk use unknown", env: []string{"PRUNE_UNUSED_FOR=0", "NO_DF=1"},
			wantCalls: []string{version, df, "docker system prune -af", df}, result: `{"reclaimed":["1.2GB"]}`},
		{name: "daemon unreachable", env: []string{"PRUNE_UNUSED_FOR=0", "DOWN=1", "DOCKER_HOST=tcp://gone:2375"},
			wantCode: 1, wantCalls: []string{version}, wantError: "daemon at tcp://gone:2375 does not answer",
			result: `{"error":"the Docker daemon at tcp://gone:2375 does not answer (Cannot connect to the Docker daemon); is its pod ready?"}`},
		{name: "prune fails", env: []string{"PRUNE_UNUSED_FOR=0", "BROKEN=1"},
			wantCode: 1, wantCalls: []string{version, df, "docker system prune -af"}, wantError: "disk on fire",
			result: `{"error":"docker system prune -af failed: Error response from daemon: disk on fire"}`},
		{name: "no age", wantCode: 1, wantCalls: []string{""}, wantError: "PRUNE_UNUSED_FOR is not set"},
	} {
		for name, shell := range shells(t) {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := newBox(t)
				b.stub("docker", dockerStub)
				b.write("images", test.images)
				if test.busy != "" {
					b.write("busy", test.busy)
				}
				got := b.runFile(shell, "prune.sh", append(test.env, "BOX="+b.root))
				if got.code != test.wantCode {
					t.Errorf("exit code %d, want %d; stderr:\n%s", got.code, test.wantCode, got.stderr)
				}
				calls := slices.DeleteFunc(got.calls, looks)
				if test.wantCalls != nil && strings.Join(calls, "\n") != strings.Join(test.wantCalls, "\n") {
					t.Errorf("calls:\n%s\nwant:\n%s", strings.Join(calls, "\n"), strings.Join(test.wantCalls, "\n"))
				}
				message := strings.TrimSpace(b.read("dev/termination-log"))
				if test.result != "" && message != test.result {
					t.Errorf("termination message %s, want %s", message, test.result)
				}
				_, err := ParsePruneResult(message)
				if failed := new(PruneFailedError); (err != nil) != (test.wantCode != 0) || (err != nil && !errors.As(err, &failed)) {
					t.Errorf("the message is read as %v", err)
				}
				if !strings.Contains(got.stderr, test.wantError) {
					t.Errorf("stderr %q does not say %q", got.stderr, test.wantError)
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
				if prunes := strings.Contains(strings.Join(calls, "\n"), " prune "); waited != (test.busy != "") || prunes != (len(commands) > 0) {
					t.Errorf("the log is read as %q, waiting %v:\n%s", commands, waited, got.stdout)
				}
			})
		}
	}
}

// looks tells whether a call only looks at images.
func looks(call string) bool {
	return regexp.MustCompile(`^docker (info|ps|inspect|image ls|image inspect|buildx du|system df --format)\b`).MatchString(call)
}

func TestAwaitScript(t *testing.T) {
	for name, shell := range shells(t) {
		for _, test := range []struct {
			name, stub string
			socket     bool
			wantCode   int
			wantCalls  int
		}{
			{"answers at once", "exit 0", true, 0, 1},
			{"answers the third time", `[ "$(grep -c version "$BOX/calls")" -ge 3 ]`, true, 0, 3},
			{"never answers", "exit 1", true, 1, 400},
			{"no socket, no client", "exit 0", false, 1, 0},
		} {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := newBox(t)
				b.stub("docker", test.stub)
				if test.socket {
					b.write("var/run/docker.sock", "")
				}
				// Making a socket is no matter for a shell: a file stands in.
				b.write("etc/dindctl/await.sh", b.move(strings.Replace(awaitScript, "[ -S ", "[ -f ", 1)))
				got := b.runFile(shell, "await.sh", []string{"BOX=" + b.root}, "tcp://127.0.0.1:2375")
				if got.code != test.wantCode {
					t.Errorf("exit code %d, want %d: %s", got.code, test.wantCode, got.stderr)
				}
				if calls := strings.Count(b.read("calls"), "docker -H tcp://127.0.0.1:2375 version\n"); calls != test.wantCalls {
					t.Errorf("asked %d times, want %d", calls, test.wantCalls)
				}
				if test.wantCode != 0 && !strings.Contains(got.stdout, "does not answer") {
					t.Errorf("stdout %q says nothing", got.stdout)
				}
			})
		}
	}
}
