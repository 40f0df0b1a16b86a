package cli

import (
	"bytes"
	"context"
	"io"

	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/terminal"
)

// statuses is the document of `status --all-namespaces`.
type statuses struct {
	Installations []lifecycle.Status `json:"installations"`
}

// statusAll shows the installations of all namespaces. The error is errUnhealthy if one
// of them is not healthy.
func (s *session) statusAll(ctx context.Context) error {
	all, err := with(ctx, s, func(ctx context.Context, i lifecycle.Instance) ([]lifecycle.Status, error) { return i.StatusAll(ctx) })
	if err != nil {
		return err
	}
	healthy := true
	for n := range all {
		all[n] = redactStatus(all[n], s.program.secrets)
		healthy = healthy && all[n].Healthy
	}
	err = s.print(statuses{append([]lifecycle.Status{}, all...)}, func(out io.Writer) error { return writeStatuses(out, s.streams, all) })
	if err == nil && !healthy {
		return errUnhealthy
	}
	return err
}

// writeStatuses writes a row for each installation, and then the problems.
func writeStatuses(to io.Writer, streams terminal.Streams, all []lifecycle.Status) error {
	if len(all) == 0 {
		return writeAll(to, []byte("No installation in any namespace.\n"))
	}
	style := streams.OutStyle()
	var out bytes.Buffer
	rows := terminal.NewTable(style)
	rows.Header("NAMESPACE", "NAME", "HEALTH", "ENGINE", "DISK", "DOCKER_HOST")
	for _, status := range all {
		engine := "unknown"
		if status.Daemon != nil {
			engine = status.Daemon.Version
		}
		rows.Row(status.Namespace, status.Name, health(style, status.Healthy), engine, diskUse(status.Disk), status.DockerHost)
	}
	if _, err := rows.WriteTo(&out); err != nil {
		return err
	}
	for _, status := range all {
		writeProblems(&out, style, status.Namespace+"/", status.Problems)
	}
	_, err := out.WriteTo(to)
	return err
}
