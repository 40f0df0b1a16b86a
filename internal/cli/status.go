package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/urfave/cli/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/terminal"
)

// watchInterval is how often `status --watch` refreshes. The daemon sends no
// event when its disk usage changes, and computing that usage is expensive.
const watchInterval = 5 * time.Second

func (p *program) statusCommand() *cli.Command {
	return &cli.Command{
		Name:      "status",
		Usage:     "show the health of the objects and the daemon, its disk usage and its prune schedule",
		UsageText: "dindctl status [options]",
		Description: "The exit code is 0 if healthy, 3 if unhealthy, and 4 if not installed. With -o json or yaml,\n" +
			"fields that could not be read are null, and the problems say why. -o prometheus prints metrics,\n" +
			"for example for the textfile collector of Prometheus' node exporter.",
		Flags: []cli.Flag{
			switchFlag("watch", "refresh every 5 seconds until interrupted", "w"),
			switchFlag("all-namespaces", "show the installations of all namespaces, one in each row", "A"),
			replicaFlag(),
		},
		Action: p.status,
	}
}

func (p *program) status(c *cli.Context) error {
	s := p.session(c)
	if s.on("all-namespaces") {
		for _, name := range []string{"watch", "name", "replica"} {
			if s.given(name) {
				s.problem("--"+name, "", "is of one installation", "Leave out --all-namespaces, or --"+name+".")
			}
		}
	}
	if s.output == formatPrometheus && (s.on("watch") || s.on("all-namespaces")) {
		s.problem("--output", string(s.output), "is of one installation, and printed once", "Leave out --watch and --all-namespaces.")
	}
	if err := s.validate(c); err != nil {
		return err
	}
	if s.on("all-namespaces") {
		return s.statusAll(c.Context)
	}
	if s.on("watch") {
		return s.watchStatus(c.Context)
	}
	status, err := s.status(c.Context)
	if err != nil {
		return err
	}
	if s.output == formatPrometheus {
		err = writeMetrics(s.streams.Out, status)
	} else {
		err = s.print(status, func(out io.Writer) error {
			return writeStatus(out, s.streams, status, s.program.now(), s.on("verbose"))
		})
	}
	if err == nil && !status.Healthy {
		return errUnhealthy
	}
	return err
}

func (s *session) status(ctx context.Context) (lifecycle.Status, error) {
	status, err := with(ctx, s, func(ctx context.Context, i lifecycle.Instance) (lifecycle.Status, error) { return i.Status(ctx) })
	return redactStatus(status, s.program.secrets), err
}

// watchStatus shows the status repeatedly until ctx ends and returns
// errWatchEnded then. On a terminal each frame replaces the previous one;
// elsewhere, and as JSON or YAML, the frames follow each other. It keeps
// watching while nothing is installed.
func (s *session) watchStatus(ctx context.Context) error {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	var last []byte // the last frame that was read
	var lost time.Time
	for first := true; ; first = false {
		frame, err := s.frame(ctx, first)
		if ctx.Err() != nil {
			return errWatchEnded
		}
		switch {
		case err == nil:
			last, lost = frame, time.Time{}
			err = s.show(frame, first)
		case !first && passing(err):
			began := lost.IsZero()
			if began {
				lost = s.program.now()
			}
			err = s.showLost(last, lost, err, began)
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return errWatchEnded
		case <-ticker.C:
		}
	}
}

// passing reports whether a failure to read the status may pass by itself: an API
// server restarts, a network is down. The credentials and the configuration do not
// change by themselves.
func passing(err error) bool {
	var configuration *kube.ConfigurationError
	return !apierrors.IsForbidden(err) && !apierrors.IsUnauthorized(err) && !untrusted(err) && !errors.As(err, &configuration)
}

// showLost shows that the status cannot be read, below the last frame. Where frames
// follow each other, it says so only once, when it began.
func (s *session) showLost(last []byte, since time.Time, err error, began bool) error {
	f := describe(err, endedError{}).redacted(s.program.secrets)
	notice := fmt.Sprintf("\nnot reachable since %s: %s\n", since.Format(time.TimeOnly), terminal.Sanitize(f.Message))
	switch {
	case s.output == formatText && s.streams.OutTerminal:
		return terminal.Redraw(s.streams.Out, append(slices.Clone(last), notice...))
	case !began:
		return nil
	case s.output == formatText:
		return writeAll(s.streams.Out, []byte(notice))
	case s.output == formatYAML:
		if err := writeAll(s.streams.Out, []byte("---\n")); err != nil {
			return err
		}
	}
	return document(s.streams.Out, s.output, map[string]failure{"error": f})
}

// frame reads the status once and returns it as printed.
func (s *session) frame(ctx context.Context, first bool) ([]byte, error) {
	var frame bytes.Buffer
	status, err := s.status(ctx)
	var missing *lifecycle.NotInstalledError
	switch {
	case err != nil && !errors.As(err, &missing):
		return nil, err
	case s.output == formatText && missing != nil:
		fmt.Fprintln(&frame, missing)
		return frame.Bytes(), nil
	case s.output == formatText:
		err = writeStatus(&frame, s.streams, status, s.program.now(), s.on("verbose"))
		return frame.Bytes(), err
	}
	if s.output == formatYAML && !first {
		frame.WriteString("---\n")
	}
	var result any = status
	if missing != nil {
		result = map[string]failure{"error": describe(err, endedError{}).redacted(s.program.secrets)}
	}
	err = document(&frame, s.output, result)
	return frame.Bytes(), err
}

func (s *session) show(frame []byte, first bool) error {
	if s.streams.OutTerminal && s.output == formatText {
		return terminal.Redraw(s.streams.Out, frame)
	}
	if !first && s.output == formatText {
		frame = append([]byte("\n"), frame...)
	}
	return writeAll(s.streams.Out, frame)
}
