package dind

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
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

// run runs a script as the container does, but for its absolute paths, which
// lead into the box, and its naps.
func (b box) run(shell []string, script string, env []string, args ...string) outcome {
	b.t.Helper()
	var moves []string
	for _, path := range []string{"/proc/", "/sys/", "/dev/termination-log", "/tmp/", "/var/run/"} {
		moves = append(moves, path, b.root+path)
	}
	script = strings.NewReplacer(moves...).Replace(script)
	script = regexp.MustCompile(`sleep [0-9.]+`).ReplaceAllString(script, "sleep 0")
	cmd := exec.Command(shell[0], append(shell[1:len(shell):len(shell)], append([]string{"-c", script}, args...)...)...)
	cmd.Env = append(env, "PATH="+b.root+"/bin:"+os.Getenv("PATH"))
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

// Kubernetes would change the scripts on their way to the shell.
func TestScriptsSurviveKubernetes(t *testing.T) {
	for name, script := range map[string]string{"start": startScript, "await": awaitScript, "prune": pruneScript} {
		if strings.Contains(script, "$$") {
			t.Errorf("%s.sh: two dollar signs become one", name)
		}
		if found := regexp.MustCompile(`\$\([A-Za-z0-9_.-]+\)`).FindString(script); found != "" {
			t.Errorf("%s.sh: %s is replaced if a variable has that name", name, found)
		}
		if strings.Contains(script, "\t") {
			t.Errorf("%s.sh: a tab makes the manifest unreadable, as YAML has no block with tabs", name)
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
				got := b.run(shell, startScript, nil, "dindctl", test.mtu, "--tls=false", "-D")
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

func TestPruneScript(t *testing.T) {
	const version, df = "docker version --format {{.Server.Version}}", "docker system df"
	for _, test := range []struct {
		name      string
		env       []string
		busy      string
		wantCode  int
		wantCalls []string
		reclaimed string
		wantError string
	}{
		{name: "what is old enough", env: []string{"PRUNE_UNUSED_FOR=168h"},
			wantCalls: []string{version, df, "docker system prune -af --filter until=168h", df}, reclaimed: `{"reclaimed":["1.2GB"]}`},
		{name: "everything unused", env: []string{"PRUNE_UNUSED_FOR=0"},
			wantCalls: []string{version, df, "docker system prune -af", df}, reclaimed: `{"reclaimed":["1.2GB"]}`},
		{name: "keeping some cache", env: []string{"PRUNE_UNUSED_FOR=168h", "PRUNE_KEEP_STORAGE=1000"},
			wantCalls: []string{version, df,
				"docker container prune -f --filter until=168h", "docker network prune -f --filter until=168h",
				"docker image prune -af --filter until=168h",
				"docker builder prune --help", "docker builder prune -af --keep-storage 1000", df},
			reclaimed: `{"reclaimed":["1.2GB","1.2GB","300MB"]}`},
		{name: "keeping some cache, new buildx", env: []string{"PRUNE_UNUSED_FOR=0", "PRUNE_KEEP_STORAGE=1000", "BUILDER_HELP=--max-used-space --reserved-space"},
			wantCalls: []string{version, df, "docker container prune -f", "docker network prune -f", "docker image prune -af",
				"docker builder prune --help", "docker builder prune -af --reserved-space 1000", df},
			reclaimed: `{"reclaimed":["1.2GB","1.2GB","300MB"]}`},
		{name: "after another prune", env: []string{"PRUNE_UNUSED_FOR=0"}, busy: "2",
			wantCalls: []string{version, df, "docker system prune -af", "docker system prune -af", "docker system prune -af", df},
			reclaimed: `{"reclaimed":["1.2GB"]}`},
		{name: "another prune for too long", env: []string{"PRUNE_UNUSED_FOR=0"}, busy: "400",
			wantCode: 1, wantError: "half an hour"},
		{name: "disk use unknown", env: []string{"PRUNE_UNUSED_FOR=0", "NO_DF=1"},
			wantCalls: []string{version, df, "docker system prune -af", df}, reclaimed: `{"reclaimed":["1.2GB"]}`},
		{name: "daemon unreachable", env: []string{"PRUNE_UNUSED_FOR=0", "DOWN=1", "DOCKER_HOST=tcp://gone:2375"},
			wantCode: 1, wantCalls: []string{version}, wantError: "daemon at tcp://gone:2375 does not answer"},
		{name: "prune fails", env: []string{"PRUNE_UNUSED_FOR=0", "BROKEN=1"},
			wantCode: 1, wantCalls: []string{version, df, "docker system prune -af"}, wantError: "disk on fire"},
		{name: "no age", wantCode: 1, wantCalls: []string{""}, wantError: "PRUNE_UNUSED_FOR is not set"},
	} {
		for name, shell := range shells(t) {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := newBox(t)
				b.stub("docker", dockerStub)
				if test.busy != "" {
					b.write("busy", test.busy)
				}
				got := b.run(shell, pruneScript, append(test.env, "BOX="+b.root))
				if got.code != test.wantCode {
					t.Errorf("exit code %d, want %d; stderr:\n%s", got.code, test.wantCode, got.stderr)
				}
				if test.wantCalls != nil && strings.Join(got.calls, "\n") != strings.Join(test.wantCalls, "\n") {
					t.Errorf("calls:\n%s\nwant:\n%s", strings.Join(got.calls, "\n"), strings.Join(test.wantCalls, "\n"))
				}
				if message := strings.TrimSpace(b.read("dev/termination-log")); message != test.reclaimed {
					t.Errorf("termination message %q, want %q", message, test.reclaimed)
				} else if message != "" {
					if _, err := ParsePruneResult(message); err != nil {
						t.Error(err)
					}
				}
				if !strings.Contains(got.stderr, test.wantError) {
					t.Errorf("stderr %q does not say %q", got.stderr, test.wantError)
				}
			})
		}
	}
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
				script := strings.Replace(awaitScript, "[ -S ", "[ -f ", 1)
				got := b.run(shell, script, []string{"BOX=" + b.root}, "dindctl", "tcp://127.0.0.1:2375")
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
