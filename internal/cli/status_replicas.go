package cli

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/terminal"
)

// writeReplicas writes a row for each replica, and then the problems. The first replica is
// healthy if all are.
func writeReplicas(to io.Writer, streams terminal.Streams, replicas []lifecycle.Status, now time.Time) error {
	style := streams.OutStyle()
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s in namespace %s: %s, %d replicas\n\n", style.Strong(replicas[0].Name), replicas[0].Namespace, health(style, replicas[0].Healthy), len(replicas))
	rows := terminal.NewTable(style)
	rows.Header("REPLICA", "NODE", "DAEMON", "CONTAINERS", "DISK", "PRUNE")
	for _, replica := range replicas {
		daemon, containers, prune := style.Bad("no answer"), "unknown", pruneLines(replica.Prune, now)[0]
		if replica.Daemon != nil {
			daemon = style.Good(replica.Daemon.Version)
		}
		if replica.Draining != nil {
			daemon = style.Warn("draining")
		}
		if replica.Leftovers != nil {
			containers = strconv.Itoa(len(replica.Leftovers.Containers))
		}
		rows.Row(replica.Name, cmp.Or(replica.Node, "none"), daemon, containers, diskUse(replica.Disk), prune)
	}
	if _, err := rows.WriteTo(&out); err != nil {
		return err
	}
	for _, replica := range replicas {
		writeProblems(&out, style, "", replica.Problems)
	}
	fmt.Fprintln(&out, "\n`dindctl status -v` shows all of each replica, and --replica 1 of one.")
	_, err := out.WriteTo(to)
	return err
}
