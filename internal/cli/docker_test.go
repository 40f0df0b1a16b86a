package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dindctl/dindctl/internal/lifecycle"
)

// dockerWorld is a world with an installation, and with a docker in PATH that is this
// script.
func dockerWorld(t *testing.T, script string) *world {
	t.Helper()
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "docker"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("TMPDIR", t.TempDir())
	return installedWorld(t)
}

// checkNothingLeft checks that no socket is left.
func checkNothingLeft(t *testing.T) {
	t.Helper()
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// Arguments after -- reach docker as they are, and its exit code is dindctl's.
func TestDockerArguments(t *testing.T) {
	w := dockerWorld(t, `for argument in "$@"; do printf '[%s]\n' "$argument"; done; cat; echo problem >&2; exit 7`)
	for _, args := range [][]string{
		{"ps"},
		{"help"},
		{"-h"},
		{"--help"},
		{"--version"},
		{""},
		{"--"},
		{"run", "--name", "db", "-n", "x", "--nope", "-v", "/a:/b", "-e", "TOKEN=a b,c", "--", "-", "sh", "-c", "echo 'x'\n\"y\"", "", "--"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			w.streams.In = strings.NewReader("typed")
			code, stdout, stderr := w.run(t, append([]string{"-n", "ci", "docker", "--name=docker-dind", "--"}, args...)...)
			want := "[" + strings.Join(args, "]\n[") + "]\ntyped"
			if diff := cmp.Diff(want, stdout); diff != "" || code != 7 || stderr != "problem\n" {
				t.Errorf("code %d, stderr %q\n%s", code, stderr, diff)
			}
			if c := w.connections[len(w.connections)-1]; c.Namespace != "ci" {
				t.Errorf("namespace %q", c.Namespace)
			}
			checkNothingLeft(t)
		})
	}
}

// docker has the user's environment, with the socket as its daemon.
func TestDockerEnvironment(t *testing.T) {
	w := dockerWorld(t, `env | grep -e ^DOCKER -e ^OTHER | sort; test -S "${DOCKER_HOST#unix://}" && echo a socket`)
	for _, name := range []string{"HOST", "CONTEXT", "TLS", "TLS_VERIFY", "CERT_PATH", "CONFIG"} {
		t.Setenv("DOCKER_"+name, "mine")
	}
	t.Setenv("OTHER_DOCKER_HOST", "mine")
	code, stdout, stderr := w.run(t, "docker", "--", "ps")
	directory, _, _ := strings.Cut(strings.TrimPrefix(stdout, "DOCKER_CONFIG=mine\nDOCKER_HOST=unix://"+os.TempDir()+"/dindctl-"), "/")
	want := "DOCKER_CONFIG=mine\nDOCKER_HOST=unix://" + os.TempDir() + "/dindctl-" + directory + "/docker.sock\nOTHER_DOCKER_HOST=mine\na socket\n"
	if code != 0 || stdout != want || stderr != "" {
		t.Errorf("code %d, stderr %q, stdout %s", code, stderr, stdout)
	}
	_, _, stderr = w.run(t, "docker", "-v", "--", "ps")
	if !strings.Contains(stderr, "/docker.sock leads to pod/docker-dind-abc-1\n") {
		t.Errorf("with -v: %s", stderr)
	}
	checkNothingLeft(t)
}

// Signals of the terminal and the context do not end dindctl before docker; SIGTERM
// reaches docker; and if a signal ends docker, the exit code is that of a shell.
func TestDockerSignals(t *testing.T) {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	const wait = `; touch "$OTHER/ready"; until test -e "$OTHER/go"; do sleep 0.02; done; exit 5`
	for _, test := range []struct {
		name, script string
		signal       os.Signal
		code         int
	}{
		{"interrupt", "trap 'exit 6' INT" + wait, os.Interrupt, 5},
		{"termination", "trap 'exit 6' TERM" + wait, syscall.SIGTERM, 6},
		{"killed", "kill -KILL $$", nil, 137},
		{"terminated", ":" + wait, syscall.SIGTERM, 143},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := dockerWorld(t, test.script)
			other := t.TempDir()
			t.Setenv("OTHER", other)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			done := make(chan struct{})
			go func() {
				defer close(done)
				for test.signal != nil && ctx.Err() == nil {
					if _, err := os.Stat(filepath.Join(other, "ready")); err == nil {
						_ = self.Signal(test.signal)
						cancel() // as main does
						time.Sleep(100 * time.Millisecond)
					}
					time.Sleep(5 * time.Millisecond)
				}
				_ = os.WriteFile(filepath.Join(other, "go"), nil, 0o644)
			}()
			code, _, stderr := w.runUnder(ctx, "dindctl", "docker", "--", "run")
			<-done
			if code != test.code || stderr != "" {
				t.Errorf("code %d, stderr %q", code, stderr)
			}
			checkNothingLeft(t)
		})
	}
}

// What fails before docker starts is an error of dindctl, and docker does not run.
func TestDockerDoesNotStart(t *testing.T) {
	usage := func(problem string) string {
		return "error: invalid command line\n  " + problem + "\n    " + argumentsHint + "\nnext: `dindctl docker --help` lists the options\n"
	}
	for _, test := range []struct {
		name   string
		args   []string
		change func(*testing.T, *world)
		code   int
		want   string
	}{
		{"no arguments", nil, nil, exitUsage, usage("arguments: none are given for docker")},
		{"nothing after --", []string{"--"}, nil, exitUsage, usage("arguments: none are given for docker")},
		{"no --", []string{"ps", "db"}, nil, exitUsage, usage(`argument "ps db": is not expected`)},
		{"words before --", []string{"ps", "--", "-a"}, nil, exitUsage, usage(`argument "ps": is not expected`)},
		{"not installed", []string{"--name", "other", "--", "ps"}, nil, exitNotInstalled,
			"error: other is not installed in namespace ci\nnext: run `dindctl install`, or select another installation with -n and --name\n"},
		{"no response", []string{"--", "ps"}, func(_ *testing.T, w *world) { w.engine.Refuse = errDown }, exitNotReady,
			"error: asking the daemon in pod/docker-dind-abc-1: connection refused\nnext: kubectl logs -n ci docker-dind-abc-1\n"},
		{"no docker", []string{"--", "ps"}, func(t *testing.T, _ *world) { t.Setenv("PATH", "") }, exitFailed,
			"error: the Docker client was not found: exec: \"docker\": executable file not found in $PATH\nnext: install the Docker client (docker-cli), or add its directory to PATH\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := dockerWorld(t, "echo runs")
			if test.change != nil {
				test.change(t, w)
			}
			code, stdout, stderr := w.run(t, append([]string{"docker"}, test.args...)...)
			if diff := cmp.Diff(test.want, stderr); diff != "" || code != test.code || stdout != "" {
				t.Errorf("code %d, stdout %q\n%s", code, stdout, diff)
			}
			if (test.code == exitUsage || test.code == exitFailed) && len(w.connections) > 0 {
				t.Error("it connected to the cluster")
			}
			checkNothingLeft(t)
		})
	}
}

// Why the connection to the daemon failed is added to what docker said.
func TestDockerConnectionFails(t *testing.T) {
	w := newWorld(t)
	code := w.fail(t.Context(), &dockerExit{125, &lifecycle.DaemonError{Namespace: "ci", Pod: "d-abc-1", Err: errors.New("the tunnel was lost")}})
	want := "error: asking the daemon in pod/d-abc-1: the tunnel was lost\nnext: kubectl logs -n ci d-abc-1\n"
	if got := w.err.String(); code != 125 || got != want || w.out.Len() > 0 {
		t.Errorf("code %d, %s", code, got)
	}
}
