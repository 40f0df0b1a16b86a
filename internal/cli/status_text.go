package cli

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/human"
	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/terminal"
)

// barWidth is the width of the disk bar, in columns.
const barWidth = 24

// writeStatus writes the status as text: with several replicas a row for each, unless all
// is true.
func writeStatus(to io.Writer, streams terminal.Streams, status lifecycle.Status, now time.Time, all bool) error {
	if len(status.Replicas) == 0 {
		return writeReplica(to, streams, status, now)
	}
	replicas := append([]lifecycle.Status{status}, status.Replicas...)
	if !all {
		return writeReplicas(to, streams, replicas, now)
	}
	for n, replica := range replicas {
		if n > 0 {
			fmt.Fprintln(to)
		}
		if err := writeReplica(to, streams, replica, now); err != nil {
			return err
		}
	}
	return nil
}

func health(style terminal.Style, healthy bool) string {
	if healthy {
		return style.Good("healthy")
	}
	return style.Bad("unhealthy")
}

// diskUse returns how full the disk is, for a cell of a table.
func diskUse(d *lifecycle.Disk) string {
	if d == nil || d.CapacityBytes == nil || d.UsedBytes == nil || *d.CapacityBytes == 0 {
		return "unknown"
	}
	return fmt.Sprintf("%d%% of %s", 100**d.UsedBytes / *d.CapacityBytes, human.Size(*d.CapacityBytes))
}

// writeReplica writes the status of one replica.
func writeReplica(to io.Writer, streams terminal.Streams, status lifecycle.Status, now time.Time) error {
	style := streams.OutStyle()
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s in namespace %s: %s\n\n", style.Strong(status.Name), status.Namespace, health(style, status.Healthy))

	facts := terminal.NewTable(style)
	fact := func(name string, lines ...string) {
		for _, line := range lines {
			facts.Row(name, line)
			name = ""
		}
	}
	if status.Context != "" {
		fact("context", status.Context)
	}
	fact("DOCKER_HOST", status.DockerHost)
	if status.Certificates != nil {
		fact("certificates", certificateLine(*status.Certificates))
	}
	fact("engine", engineLine(status))
	fact("disk", diskLines(status.Disk, now)...)
	fact("containers", leftoverLines(status.Leftovers, now)...)
	fact("prune", pruneLines(status.Prune, now)...)
	if _, err := facts.WriteTo(&out); err != nil {
		return err
	}

	fmt.Fprintln(&out)
	objects := terminal.NewTable(style)
	objects.Header("OBJECT", "NAME", "STATE", "DETAIL")
	for _, o := range status.Objects {
		state := style.Good(terminal.Sanitize(o.State))
		if !o.Ready {
			state = style.Bad(terminal.Sanitize(o.State))
		}
		objects.Row(o.Kind, o.Name, state, o.Detail)
	}
	if _, err := objects.WriteTo(&out); err != nil {
		return err
	}
	writeProblems(&out, style, "", status.Problems)
	_, err := out.WriteTo(to)
	return err
}

// writeProblems writes the problems, with their objects after the prefix.
func writeProblems(out io.Writer, style terminal.Style, prefix string, problems []lifecycle.Problem) {
	for _, problem := range problems {
		mark := style.Bad("✗")
		if problem.Severity == lifecycle.SeverityWarning {
			mark = style.Warn("!")
		}
		fmt.Fprintf(out, "\n%s %s: %s\n", mark, terminal.Sanitize(prefix+problem.Object), terminal.Sanitize(problem.Message))
		if problem.Hint != "" {
			fmt.Fprintf(out, "  next: %s\n", terminal.Sanitize(problem.Hint))
		}
	}
}

func certificateLine(certificates lifecycle.Certificates) string {
	expiry := func(end *time.Time) string {
		if end == nil {
			return "unknown"
		}
		return end.Format("2 Jan 2006")
	}
	return fmt.Sprintf("mutual TLS; expiry: server %s, client %s", expiry(certificates.ServerExpires), expiry(certificates.ClientExpires))
}

func engineLine(status lifecycle.Status) string {
	d := status.Daemon
	if d == nil {
		return "unknown"
	}
	return fmt.Sprintf("Docker %s, storage driver %s, cgroup v%s", engineVersion(*d), d.StorageDriver, d.CgroupVersion)
}

// leftoverLines returns what jobs have in the daemon; nothing if it is empty or unknown.
func leftoverLines(left *daemon.Leftovers, now time.Time) []string {
	if left == nil {
		return nil
	}
	var lines, rest []string
	if n := len(left.Containers); n > 0 {
		lines = append(lines, fmt.Sprintf("%d running: %s", n, lifecycle.NameContainers(left.Containers, now)))
	}
	if n := len(left.Builders); n > 0 {
		rest = append(rest, fmt.Sprintf("builders %d", n))
	}
	if n := len(left.Networks); n > 0 {
		rest = append(rest, fmt.Sprintf("unused networks %d", n))
	}
	if len(rest) > 0 {
		lines = append(lines, strings.Join(rest, " · "))
	}
	return lines
}

func diskLines(disk *lifecycle.Disk, now time.Time) []string {
	if disk == nil {
		return []string{"unknown"}
	}
	var lines []string
	if disk.CapacityBytes != nil && disk.UsedBytes != nil && *disk.CapacityBytes > 0 {
		line := fmt.Sprintf("%s %d%%  %s of %s", terminal.Bar(*disk.UsedBytes, *disk.CapacityBytes, barWidth),
			100**disk.UsedBytes / *disk.CapacityBytes, human.Size(*disk.UsedBytes), human.Size(*disk.CapacityBytes))
		if disk.InodesUsedPercent != nil {
			line += fmt.Sprintf(", %.0f%% of the inodes", *disk.InodesUsedPercent)
		}
		if disk.OnNodeDisk != nil && *disk.OnNodeDisk {
			line += ", on the node's own disk"
		}
		lines = append(lines, line)
	}
	var parts []string
	for _, part := range []struct {
		name  string
		bytes *int64
	}{{"images", disk.ImagesBytes}, {"build cache", disk.BuildCacheBytes}, {"cache limit", disk.CacheLimitBytes}, {"volumes", disk.VolumesBytes}, {"reclaimable", disk.ReclaimableBytes}} {
		if part.bytes != nil {
			parts = append(parts, part.name+" "+human.Size(*part.bytes))
		}
	}
	if len(parts) > 0 {
		lines = append(lines, strings.Join(parts, " · "))
	}
	if gc := disk.LastImageGC; gc != nil {
		lines = append(lines, fmt.Sprintf("image GC %s: removed %d images, freed %s", human.Ago(now.Sub(gc.Time)), gc.Images, human.Size(gc.FreedBytes)))
	}
	return lines
}

func pruneLines(prune *lifecycle.Prune, now time.Time) []string {
	if prune == nil {
		return []string{"not scheduled"}
	}
	last := "has not run yet"
	if prune.LastRun != nil {
		last = "last " + since(*prune.LastRun, now)
		if prune.LastResult != nil {
			last += ": " + *prune.LastResult
		}
		if prune.LastDurationSeconds != nil {
			last += " in " + human.Took(*prune.LastDurationSeconds)
		}
		if prune.LastReclaimedBytes != nil {
			last += ", freed " + human.Size(*prune.LastReclaimedBytes)
		}
	}
	next := "next: suspended"
	if prune.NextRun != nil {
		next = fmt.Sprintf("next %s (%s)", human.Ago(now.Sub(*prune.NextRun)), prune.NextRun.Format("Mon 2 Jan 15:04 MST"))
	}
	return []string{last, fmt.Sprintf("%s, schedule %q", next, prune.Schedule)}
}

// since returns how long ago something happened. If this machine's clock is so far
// behind the cluster's that it lies in the future, since returns the cluster's time.
func since(happened, now time.Time) string {
	const tolerance = time.Minute
	age := now.Sub(happened)
	if age < -tolerance {
		return happened.Format("Mon 2 Jan 15:04 MST") + " (the cluster's clock is ahead of this machine's)"
	}
	return human.Ago(max(age, 0))
}
