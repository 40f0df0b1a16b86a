package build

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// Run runs one command of a build, with its output in a log file, and calls
// line with each line of it. The error of a command that fails has the last
// lines of the log.
func Run(command *exec.Cmd, log string, line func(string)) error {
	if err := os.MkdirAll(filepath.Dir(log), 0o755); err != nil {
		return err
	}
	file, err := os.Create(log)
	if err != nil {
		return err
	}
	defer file.Close()
	fmt.Fprintln(file, "+", strings.Join(command.Args, " "))
	output := io.MultiWriter(file, &lines{each: line})
	command.Stdout, command.Stderr = output, output
	// An interrupt ends the whole build, not only its first process.
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

// lines calls a function with each line that is written to it and not empty.
type lines struct {
	each func(string)
	rest []byte
}

func (l *lines) Write(data []byte) (int, error) {
	l.rest = append(l.rest, data...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			return len(data), nil
		}
		l.rest = rest
		if text := strings.TrimSpace(printable(string(line))); text != "" {
			l.each(text)
		}
	}
}

func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, text)
}

// Progress returns a function that reads the lines of `go build -v` and reports
// the package that is downloaded or compiled.
func Progress(detail func(string)) func(string) {
	compiled := 0
	return func(line string) {
		if download, is := strings.CutPrefix(line, "go: downloading "); is {
			detail("downloading " + download)
			return
		}
		if strings.ContainsRune(line, ' ') { // not the path of a package
			return
		}
		compiled++
		detail(fmt.Sprintf("package %d, %s", compiled, line))
	}
}

// Tail returns the last lines of a log, indented for a message.
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
