//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// These are the program's exit codes.
const (
	done         = 0
	failed       = 1
	usage        = 2
	notReady     = 3
	notInstalled = 4
	interrupted  = 130
)

// hangs is how long a command may run before it counts as hanging. It is longer
// than the program's default timeout, so it never hides one.
const hangs = 8 * time.Minute

// result is the result of a command.
type result struct {
	args           []string
	code           int
	stdout, stderr string
	took           time.Duration
}

// command is a run of the program that may still be in progress.
type command struct {
	*exec.Cmd
	stdout, stderr buffer
	began          time.Time
}

// buffer may be read while it is written.
type buffer struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.String()
}

// prepare returns a command with its own environment, so that nothing of the
// developer's shell reaches the program.
func prepare(t *testing.T, variables []string, args ...string) *command {
	t.Helper()
	c := &command{Cmd: exec.Command(env.program, args...)}
	c.Env = append([]string{
		"PATH=/usr/bin:/bin", "HOME=" + t.TempDir(), "KUBECONFIG=" + env.kubeconfig, "TERM=xterm-256color",
	}, variables...)
	c.Dir = t.TempDir()
	c.Stdout, c.Stderr = &c.stdout, &c.stderr
	return c
}

// start starts the command.
func (c *command) start(t *testing.T) *command {
	t.Helper()
	c.began = time.Now()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// wait waits for the command to end, and kills it if it hangs.
func (c *command) wait(t *testing.T) result {
	t.Helper()
	timer := time.AfterFunc(hangs, func() { _ = c.Process.Kill() })
	err := c.Wait()
	r := result{
		args: c.Args[1:], code: c.ProcessState.ExitCode(), took: time.Since(c.began),
		stdout: c.stdout.String(), stderr: c.stderr.String(),
	}
	t.Logf("$ dindctl %s\n%s%s[exit code %d after %.1fs]", strings.Join(r.args, " "), r.stdout, r.stderr, r.code, r.took.Seconds())
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if !timer.Stop() {
		t.Fatalf("dindctl %s hangs", strings.Join(r.args, " "))
	}
	return r
}

// dindctl runs the program to its end.
func dindctl(t *testing.T, args ...string) result {
	t.Helper()
	return prepare(t, nil, args...).start(t).wait(t)
}

// succeed runs the program and stops the test unless it succeeds.
func succeed(t *testing.T, args ...string) result {
	t.Helper()
	return dindctl(t, args...).want(t, done)
}

// want stops the test if the exit code is another one.
func (r result) want(t *testing.T, code int) result {
	t.Helper()
	if r.code != code {
		t.Fatalf("dindctl %s: exit code %d, want %d\nstdout: %s\nstderr: %s", strings.Join(r.args, " "), r.code, code, r.stdout, r.stderr)
	}
	return r
}

// says checks that stderr contains each of the texts.
func (r result) says(t *testing.T, texts ...string) result {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(r.stderr, text) {
			t.Errorf("dindctl %s: stderr does not say %q:\n%s", strings.Join(r.args, " "), text, r.stderr)
		}
	}
	return r
}

// decode reads stdout, which must be exactly one JSON or YAML document.
func decode[T any](t *testing.T, r result) T {
	t.Helper()
	var value T
	// JSON is read as it is, so that YAML does not pass for JSON.
	document, err := []byte(r.stdout), error(nil)
	if !strings.HasPrefix(r.stdout, "{") {
		document, err = yaml.YAMLToJSONStrict(document)
	}
	if err == nil {
		err = json.Unmarshal(document, &value)
	}
	if err != nil {
		t.Fatalf("dindctl %s: stdout cannot be read: %v\n%s", strings.Join(r.args, " "), err, r.stdout)
	}
	return value
}

// connected returns the commands that connect to a cluster.
func connected() []string {
	return []string{"check", "install", "status", "prune-now", "uninstall", "env"}
}
