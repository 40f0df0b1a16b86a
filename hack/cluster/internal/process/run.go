package process

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Start starts a command that outlives this process, with its output in a log
// file, and records it. The previous log is kept beside the new one. Enter moves
// the new process to its control group.
func (d Records) Start(name, spec string, argv []string, log string, enter func(pid int) error) error {
	if err := os.MkdirAll(filepath.Dir(log), 0o755); err != nil {
		return err
	}
	if err := os.Rename(log, log+".previous"); err != nil && !os.IsNotExist(err) {
		return err
	}
	output, err := os.Create(log)
	if err != nil {
		return err
	}
	defer output.Close()

	command := exec.Command(argv[0], argv[1:]...)
	command.Dir = "/"
	// Collecting garbage less often leaves more of the processors to the tests, and the
	// limit keeps the memory that this costs small.
	command.Env = append(os.Environ(), "GOGC=400", "GOMEMLIMIT=1GiB")
	command.Stdout, command.Stderr = output, output
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	// Reaps it if it exits before the launcher does.
	go func() { _ = command.Wait() }()

	pid := command.Process.Pid
	start, err := startTime(pid)
	if err != nil {
		return fmt.Errorf("starting %s: it ended at once", name)
	}
	record := Record{PID: pid, Start: start, Boot: bootID(), Spec: spec}
	if err := d.save(name, record); err != nil {
		return fmt.Errorf("recording %s: %w", name, err)
	}
	if err := enter(pid); err != nil && record.Alive() {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	return nil
}

// Stop stops a component with SIGTERM and, if that is not enough, with SIGKILL.
func (d Records) Stop(name string, patience time.Duration) error {
	record := d.Load(name)
	if record.Alive() {
		_ = syscall.Kill(record.PID, syscall.SIGTERM)
		if !record.gone(patience) {
			_ = syscall.Kill(record.PID, syscall.SIGKILL)
			if !record.gone(10 * time.Second) {
				return fmt.Errorf("%s (process %d) did not exit after SIGKILL: the kernel blocks it, see dmesg", name, record.PID)
			}
		}
	}
	if err := os.Remove(d.file(name)); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

func (r Record) gone(patience time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for r.Alive() {
		select {
		case <-ctx.Done():
			return !r.Alive()
		case <-tick.C:
		}
	}
	return true
}

// Spec returns a hash of how a component is started.
func Spec(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])[:16]
}
