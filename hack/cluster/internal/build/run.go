package build

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Run executes a step of a build with its output in a log file. A failure
// brings the log's last lines along: whoever reads it need not go and look.
func Run(command *exec.Cmd, log string) error {
	if err := os.MkdirAll(filepath.Dir(log), 0o755); err != nil {
		return err
	}
	file, err := os.Create(log)
	if err != nil {
		return err
	}
	defer file.Close()
	fmt.Fprintln(file, "+", strings.Join(command.Args, " "))
	command.Stdout, command.Stderr = file, file
	// An interrupt ends the whole build, not only the first process of it.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGTERM) }
	command.WaitDelay = 10 * time.Second

	err = command.Run()
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%w: install it and run the same command again", err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w; the end of %s:\n%s", command.Args[0], err, log, Tail(log, 20))
	}
	return nil
}

// Tail is the last lines of a log, indented for a message.
func Tail(path string, lines int) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return "    (" + err.Error() + ")"
	}
	all := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	if len(all) > lines {
		all = all[len(all)-lines:]
	}
	return "    " + strings.Join(all, "\n    ")
}
