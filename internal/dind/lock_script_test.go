//go:build unix

package dind

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// lockBox returns a box in which start.sh reaches the daemon, whose stub records whether
// the lock is held then.
func lockBox(t *testing.T) box {
	b := newBox(t)
	b.write("bin/dockerd", "#!/bin/sh\n")
	b.write("proc/self/stat", "77 (sh) S 0\n")
	b.write("etc/dindctl/nest.sh", "")
	b.write("etc/dindctl/ports.sh", "")
	b.write("var/run/keep", "")
	b.stub("dockerd-entrypoint.sh", `flock -n "$BOX/var/lib/docker/dindctl/lock" true && echo free >>"$BOX/calls" || echo locked >>"$BOX/calls"`)
	return b
}

const waits = "dindctl: another daemon uses this data root: waiting for it to stop\n"

// The process that becomes the daemon holds the lock.
func TestStartTakesTheLock(t *testing.T) {
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := lockBox(t)
			got := b.start(shell, "9000", "none")
			if calls := strings.Join(got.calls, "\n"); !strings.HasSuffix(calls, " --mtu=9000\nlocked") {
				t.Errorf("calls %q, stderr %q", calls, got.stderr)
			}
			if strings.Contains(got.stderr, "lock") {
				t.Errorf("stderr %q", got.stderr)
			}
		})
	}
}

// Neither the daemon nor its guard starts before the other daemon has stopped, and the
// message comes once.
func TestStartWaitsForTheLock(t *testing.T) {
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := lockBox(t)
			b.write("proc/77/stat", "")
			b.stub("guard", `rm -rf "$BOX/proc/77"`)
			b.write("etc/dindctl/guard.sh", `guard "$@"`)
			b.write("var/lib/docker/dindctl/lock", "")
			other, err := os.Open(filepath.Join(b.root, "var/lib/docker/dindctl/lock"))
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			if err := syscall.Flock(int(other.Fd()), syscall.LOCK_EX); err != nil {
				t.Fatal(err)
			}
			early := make(chan string, 1)
			go func() {
				for range 500 {
					if b.read("var/run/dindctl-waiting") != "" {
						break
					}
					time.Sleep(10 * time.Millisecond)
				}
				time.Sleep(200 * time.Millisecond)
				early <- b.read("calls") + b.read("var/run/dindctl-waiting")
				_ = syscall.Flock(int(other.Fd()), syscall.LOCK_UN)
			}()
			got := b.start(shell, "9000", "85")
			if before := <-early; "dindctl: "+before != waits {
				t.Errorf("while the other daemon ran: %q", before)
			}
			if strings.Count(got.stderr, "another daemon") != 1 || !strings.Contains(got.stderr, waits) {
				t.Errorf("stderr %q", got.stderr)
			}
			if calls := b.read("calls"); !strings.Contains(calls, "dockerd-entrypoint.sh") || !strings.Contains(calls, "locked") || !strings.Contains(calls, "guard 85 77") {
				t.Errorf("calls %q", calls)
			}
			if left := b.read("var/run/dindctl-waiting"); left != "" {
				t.Errorf("left %q", left)
			}
		})
	}
}

// A daemon starts without the lock where locking does not work, and says so once.
func TestStartWithoutALock(t *testing.T) {
	for _, test := range []struct {
		name   string
		damage func(box)
		want   string
	}{
		{"no flock", func(b box) {
			b.write("etc/dindctl/lock.sh", b.move(strings.ReplaceAll(commented()["lock.sh"], "flock ", "no-flock ")))
		}, "not found"},
		{"a file system without locks", func(b box) {
			b.stub("nfs-flock", "echo 'flock: 9: No locks available' >&2; exit 1")
			b.write("etc/dindctl/lock.sh", b.move(strings.ReplaceAll(commented()["lock.sh"], "flock ", "nfs-flock ")))
		}, "No locks available"},
		// Like a read-only file system, but also for root.
		{"no file", func(b box) { b.write("var/lib/docker/dindctl/lock/x", "") }, "cannot write"},
	} {
		for name, shell := range shells(t) {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := lockBox(t)
				test.damage(b)
				got := b.start(shell, "9000", "none")
				if !strings.Contains(strings.Join(got.calls, "\n"), " --mtu=9000") {
					t.Errorf("calls %q", got.calls)
				}
				if strings.Count(got.stderr, "cannot be locked") != 1 || !strings.Contains(got.stderr, test.want) {
					t.Errorf("stderr %q", got.stderr)
				}
			})
		}
	}
}

// The startup probe shows the reason once, and then does not end the container.
func TestAwaitScriptWhileStartWaits(t *testing.T) {
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			b.stub("docker", "exit 1")
			b.write("var/run/dindctl-waiting", "the reason\n")
			for n, want := range []outcome{{code: 1, stdout: "the reason\n"}, {code: 0}, {code: 0}} {
				got := b.runFile(shell, "await.sh", []string{"BOX=" + b.root}, "tcp://127.0.0.1:2375")
				if got.code != want.code || got.stdout != want.stdout {
					t.Errorf("attempt %d: exit code %d, %q", n, got.code, got.stdout)
				}
			}
		})
	}
}
