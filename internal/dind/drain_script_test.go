package dind

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	tcpHeader = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	// Two connections of 10.244.0.17, and one of it that is closed.
	twoOf17 = "   1: 0000000000000000FFFF00000F00F40A:0947 0000000000000000FFFF00001100F40A:C3F0 01 00000000:00000000 00:00000000 00000000 0 0 1\n" +
		"   2: 0000000000000000FFFF00000F00F40A:0947 0000000000000000FFFF00001100F40A:C3F2 01 00000000:00000000 00:00000000 00000000 0 0 1\n" +
		"   3: 0000000000000000FFFF00000F00F40A:0947 0000000000000000FFFF00001100F40A:C3F4 06 00000000:00000000 00:00000000 00000000 0 0 1\n"
	loopback = "   4: 0100007F:0947 0100007F:D2F4 01 00000000:00000000 00:00000000 00000000 0 0 1\n"
	overIPv6 = "   5: B80D0120000000000000000001000000:0947 B80D012000000000000000000200ABCD:D2F4 01 00000000:00000000 00:00000000 00000000 0 0 1\n"
	// Not of a client: it listens, it is the client's end of loopback, it has another port.
	others = "   6: 00000000:0947 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1\n" +
		"   7: 0100007F:D2F4 0100007F:0947 01 00000000:00000000 00:00000000 00000000 0 0 1\n" +
		"   8: 0F00F40A:1F90 1200F40A:D2F4 01 00000000:00000000 00:00000000 00000000 0 0 1\n"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// realDate lets the box have the time of this machine.
func (b box) realDate() { b.write("bin/date", "#!/bin/sh\nexec /bin/date \"$@\"\n") }

func TestClientsScript(t *testing.T) {
	for _, test := range []struct{ name, tcp, tcp6, known, want string }{
		{"nobody", others, "", "", ""},
		{"nobody any more", others, "", "10.244.0.17", ""},
		{"a port-forward", loopback, "", "10.244.0.17", ""},
		{"a job", others, twoOf17, "", "10.244.0.17"},
		{"a job and a port-forward", loopback, twoOf17, "", "10.244.0.17"},
		{"a job over IPv6", "", overIPv6, "", "2001:0db8:0000:0000:0000:0000:cdab:0002"},
		{"two jobs", "", twoOf17 + overIPv6, "10.244.0.17", "10.244.0.17, 2001:0db8:0000:0000:0000:0000:cdab:0002"},
	} {
		for name, shell := range shells(t) {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := newBox(t)
				b.write("proc/net/tcp", tcpHeader+test.tcp)
				b.write("proc/net/tcp6", tcpHeader+test.tcp6)
				command := ClientsCommand(false, test.known)
				got := b.run(shell, nil, append([]string{"-c", b.move(command[2])}, command[3:]...)...)
				if got.code != 0 || strings.TrimSpace(got.stdout) != test.want {
					t.Errorf("got %+v", got)
				}
			})
		}
	}
}

var remaining = regexp.MustCompile(`in \d+ s at`)

func TestDrainScript(t *testing.T) {
	const docker = `case "$*" in
*version*) [ ! -e "$BOX/hangs" ] || exit 124 ;;
*events*) sed -n 1p "$BOX/events"; sed 1d "$BOX/events" >"$BOX/rest"; mv "$BOX/rest" "$BOX/events" ;;
esac`
	for _, test := range []struct {
		name    string
		longest string
		prepare func(box)
		later   func(box) // once it has said that it waits
		log     string
		atLeast time.Duration
	}{
		{"nobody is connected", "60", nil, nil, "", time.Second},
		{"the daemon has not started", "60", func(b box) {
			must(b.t, os.Remove(filepath.Join(b.root, "var/run/docker.sock")))
			b.write("proc/1/comm", "sh\n")
			b.write("proc/1/cmdline", "/bin/sh\x00/etc/dindctl/start.sh\x00auto")
		}, nil, "", 0},
		{"the daemon does not get ready", "60", func(b box) {
			must(b.t, os.Remove(filepath.Join(b.root, "var/run/docker.sock")))
			b.write("proc/1/comm", "docker-init\n")
			b.write("proc/1/cmdline", "docker-init\x00--\x00dockerd")
		}, nil, "", 0},
		{"a job has just used it", "60", func(b box) { b.write("events", "push\n") }, nil, "", 2 * time.Second},
		{"a job uses it again", "60", func(b box) { b.write("events", "create\npush\n") }, nil, "", 4 * time.Second},
		{"a job ends", "60", func(b box) { b.write("proc/net/tcp6", tcpHeader+twoOf17) }, func(b box) { b.write("proc/net/tcp6", tcpHeader) },
			"dindctl: draining: the daemon stops when these clients have ended, in N s at the latest: 10.244.0.17\ndindctl: drained: no client for 2 s\n", 2 * time.Second},
		{"a job does not end", "6", func(b box) { b.write("proc/net/tcp6", tcpHeader+twoOf17) }, nil,
			"dindctl: draining: the daemon stops when these clients have ended, in N s at the latest: 10.244.0.17\n" +
				"dindctl: half of the drain timeout is over: jobs that begin now are refused\n" +
				"dindctl: the drain timeout of 6 s is over: the daemon stops, although there are clients: 10.244.0.17\n", 6 * time.Second},
		{"the daemon hangs", "60", func(b box) { b.write("proc/net/tcp6", tcpHeader+twoOf17) }, func(b box) { b.write("hangs", "") },
			"dindctl: draining: the daemon stops when these clients have ended, in N s at the latest: 10.244.0.17\n" +
				"dindctl: the daemon does not answer within 3 s: it stops, although there are clients: 10.244.0.17\n", 3 * time.Second},
	} {
		for name, shell := range shells(t) {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := newBox(t)
				b.stub("docker", docker)
				b.realDate()
				b.write("events", "")
				b.stub("iptables", "")
				b.stub("ip6tables", "exit 1")
				b.write("run/keep", "")
				b.write("var/run/keep", "")
				socket, err := net.Listen("unix", filepath.Join(b.root, "var/run/docker.sock"))
				must(t, err)
				defer socket.Close()
				for _, file := range []string{"proc/net/tcp", "proc/net/tcp6"} {
					b.write(file, tcpHeader)
				}
				b.write("proc/1/fd/2", "")
				must(t, os.Symlink("/proc/uptime", filepath.Join(b.root, "proc/uptime")))
				script := strings.NewReplacer("quiet=10", "quiet=2", "cached=5", "cached=1", "patience=60", "patience=3", ">/proc/1/fd/2", ">>/proc/1/fd/2", "sleep 1", "command sleep  0.2").
					Replace(commented()[drainScriptName])
				b.write("etc/dindctl/"+drainScriptName, b.move(script))
				if test.prepare != nil {
					test.prepare(b)
				}
				if test.later != nil {
					go func() {
						for !strings.Contains(b.read("proc/1/fd/2"), "draining") && t.Context().Err() == nil {
							time.Sleep(10 * time.Millisecond)
						}
						test.later(b)
					}()
				}
				began := time.Now()
				got := b.runFile(shell, drainScriptName, []string{"BOX=" + b.root}, test.longest, "2375")
				// The script counts whole seconds.
				if took := time.Since(began); got.code != 0 || got.stderr != "" || took < test.atLeast-time.Second {
					t.Errorf("after %v: %+v", took, got)
				}
				if diff := cmp.Diff(test.log, remaining.ReplaceAllString(b.read("proc/1/fd/2"), "in N s at")); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestParseDraining(t *testing.T) {
	until := time.Date(2026, 11, 30, 16, 10, 0, 0, time.UTC)
	for output, want := range map[string]*Draining{
		"":                                     nil,
		"cat: no such file":                    nil,
		"1796055000 \n":                        {Until: until, Clients: []string{}},
		"1796055000 10.244.0.17, 10.244.0.9\n": {Until: until, Clients: []string{"10.244.0.17", "10.244.0.9"}},
	} {
		if diff := cmp.Diff(want, ParseDraining(output)); diff != "" {
			t.Errorf("%q: %s", output, diff)
		}
	}
}

// The script for jobs waits for the daemon, and never fails.
func TestJobScript(t *testing.T) {
	const (
		refused = "Cannot connect to the Docker daemon at tcp://d.d-pods.ci.svc:2375. Is the docker daemon running?"
		gone    = "error during connect: Get x: dial tcp: lookup d.d-pods.ci.svc on 10.96.0.10:53: no such host"
		foreign = "tls: failed to verify certificate: x509: certificate is valid for d.ci.svc"
		answers = "Client: Docker Engine"
		told    = "dindctl: the Docker daemon takes no new jobs at the moment; waiting for at most 5 minutes\n"
	)
	access := AccessTo(Options{Name: "d", Namespace: "ci"})
	for _, test := range []struct {
		name, host, answers, want string
		calls                     int
	}{
		{"it takes jobs", "tcp://d.ci.svc:2375", "", "done\n", 1},
		{"it restarts", "tcp://d.ci.svc:2375", gone + "\n" + refused, told + "done\n", 3},
		{"its Service is late", "tcp://d.ci.svc:2375", answers + "\n" + refused, told + "done\n", 2},
		{"another certificate", "tcp://d.ci.svc:2375", foreign, "done\n", 1},
		{"a foreign daemon", "tcp://docker:2375", gone, "done\n", 0},
		{"no daemon", "", gone, "done\n", 0},
	} {
		for name, shell := range jobShells(t) {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := newBox(t)
				b.realDate()
				b.write("answers", test.answers)
				b.stub("docker", `sed -n 1p "$BOX/answers"; case $(sed -n 1p "$BOX/answers") in Client*) code=0 ;; '') exit 0 ;; *) code=1 ;; esac; sed 1d "$BOX/answers" >"$BOX/rest"; mv "$BOX/rest" "$BOX/answers"; exit $code`)
				got := b.run(shell, []string{"BOX=" + b.root, "DOCKER_HOST=" + test.host}, "-c", jobOptions+b.move(access.Script)+"\necho done")
				if got.code != 0 || got.stdout != test.want {
					t.Errorf("got %+v", got)
				}
				if n := strings.Count(b.read("calls"), "docker -H tcp://d.d-pods.ci.svc:2375 version"); n != test.calls {
					t.Errorf("%d calls, want %d", n, test.calls)
				}
			})
		}
	}
}
