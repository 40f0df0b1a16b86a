package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/terminal"
)

// watchInterval is how often `status --watch` looks again. The daemon has no
// event for a growing disk, and asking it for its disk use is not free.
const watchInterval = 5 * time.Second

func (p *program) statusCommand() *cli.Command {
	return &cli.Command{
		Name:      "status",
		Usage:     "show the health of every object, the daemon, its disk and its clean-up",
		UsageText: "dindctl status [options]",
		Description: "Exits 0 when healthy, 3 when not, 4 when not installed. With -o json or yaml, what could\n" +
			"not be read is null and a problem says why.",
		Flags:  []cli.Flag{switchFlag("watch", "look again every 5 s until interrupted", "w")},
		Action: p.status,
	}
}

func (p *program) status(c *cli.Context) error {
	s := p.session(c)
	if err := s.checked(c); err != nil {
		return err
	}
	if s.on("watch") {
		return s.watchStatus(c.Context)
	}
	status, err := s.status(c.Context)
	if err != nil {
		return err
	}
	err = s.print(status, func(out io.Writer) error {
		return writeStatus(out, s.streams, status, s.program.now())
	})
	if err == nil && !status.Healthy {
		return errUnhealthy
	}
	return err
}

func (s *session) status(ctx context.Context) (status lifecycle.Status, err error) {
	err = s.with(ctx, func(ctx context.Context, i lifecycle.Instance) (err error) {
		status, err = i.Status(ctx)
		status = redactStatus(status, s.program.secrets)
		return err
	})
	return status, err
}

// watchStatus shows the status again and again until ctx ends, which is then
// its error. On a terminal each look replaces the one before; elsewhere, and
// as JSON or YAML, each is printed after the other. An installation that is
// not there yet is waited for.
func (s *session) watchStatus(ctx context.Context) error {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for first := true; ; first = false {
		frame, err := s.frame(ctx, first)
		if ctx.Err() != nil {
			return errWatchEnded
		}
		if err == nil {
			err = s.show(frame, first)
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

// frame is one look, drawn.
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
		err = writeStatus(&frame, s.streams, status, s.program.now())
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
