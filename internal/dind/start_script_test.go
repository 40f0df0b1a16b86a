package dind

import (
	"slices"
	"strings"
	"testing"
)

// start runs start.sh with an MTU, a threshold, and flags for the daemon.
func (b box) start(shell []string, mtu, highWater string, flags ...string) outcome {
	b.t.Helper()
	b.write("bin/stat", "#!/bin/sh\nexit 1\n") // the size of the disk is unknown
	b.write("etc/dindctl/"+configKey, plan{Options: Defaults()}.daemonJSON())
	return b.runFile(shell, startScriptName, []string{"BOX=" + b.root}, append([]string{mtu, "none", highWater, highWater, "75"}, flags...)...)
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
		{"half a default route", "auto", header + half + viaEth0, "", "--default-network-opt", "--mtu=1450 " + network + "1450 --tls=false -D"},
		{"IPv6 only", "auto", header, noRoute6 + viaNet6, "--default-network-opt", "--mtu=1280 " + network + "1280 --tls=false -D"},
		{"IPv4 before IPv6", "auto", header + viaEth0, viaNet6, "--default-network-opt", "--mtu=1450 " + network + "1450 --tls=false -D"},
		{"an engine before 24", "auto", header + viaEth0, "", "--mtu int", "--mtu=1450 --tls=false -D"},
		{"no default route", "auto", header + onLink, noRoute6, "--default-network-opt", "--tls=false -D"},
		{"no routes at all", "auto", "", "", "--default-network-opt", "--tls=false -D"},
		{"a missing interface", "auto", header + strings.Replace(viaEth0, "eth0", "eth9", 1), "", "--default-network-opt", "--tls=false -D"},
		{"a given MTU", "9000", header + viaEth0, "", "--default-network-opt", "--mtu=9000 " + network + "9000 --tls=false -D"},
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
				// Without the process start.sh does not restart guard.sh.
				b.write("proc/77/stat", "")
				b.stub("guard", `rm -r "$BOX/proc/77"; exit 3`)
				b.write("etc/dindctl/guard.sh", `guard "$@"`)
				got := b.start(shell, test.mtu, "85", "--tls=false", "-D")
				guard := slices.Index(got.calls, "guard 85 77")
				if guard < 0 || !strings.Contains(got.stderr, "image garbage collection exited with code 3") {
					t.Fatalf("calls %q, stderr %q", got.calls, got.stderr)
				}
				got.calls = slices.Delete(got.calls, guard, guard+1)
				if want := "dockerd-entrypoint.sh --config-file=" + b.root + "/etc/dindctl/daemon.json " + test.want; len(got.calls) != 1 || got.calls[0] != want {
					t.Errorf("calls %q, want %q", got.calls, want)
				}
				if got.code != 7 {
					t.Errorf("exit code %d, want the daemon's", got.code)
				}
				if unknown := strings.Contains(got.stderr, "unknown"); unknown == strings.Contains(test.want, "--mtu") {
					t.Errorf("stderr: %q", got.stderr)
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
			{"responds immediately", "exit 0", true, 0, 1},
			{"responds to the third attempt", `[ "$(grep -c version "$BOX/calls")" -ge 3 ]`, true, 0, 3},
			{"never responds", "exit 1", true, 1, 400},
			{"no socket", "exit 0", false, 1, 0},
		} {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := newBox(t)
				b.stub("docker", test.stub)
				if test.socket {
					b.write("var/run/docker.sock", "")
				}
				// A file instead of a socket.
				b.write("etc/dindctl/await.sh", b.move(strings.Replace(commented()[awaitScriptName], "[ -S ", "[ -f ", 1)))
				got := b.runFile(shell, "await.sh", []string{"BOX=" + b.root}, "tcp://127.0.0.1:2375")
				if got.code != test.wantCode {
					t.Errorf("exit code %d, want %d: %s", got.code, test.wantCode, got.stderr)
				}
				if calls := strings.Count(b.read("calls"), "docker -H tcp://127.0.0.1:2375 version\n"); calls != test.wantCalls {
					t.Errorf("%d attempts, want %d", calls, test.wantCalls)
				}
				if test.wantCode != 0 && !strings.Contains(got.stdout, "is not responding") {
					t.Errorf("unexpected stdout %q", got.stdout)
				}
			})
		}
	}
}
