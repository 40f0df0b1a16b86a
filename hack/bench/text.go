package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
)

// text returns the report as a table.
func (r report) text() string {
	var out strings.Builder
	fmt.Fprintf(&out, "Kubernetes %s, %d processors, %d measured runs each, in turns, in new namespaces, image on the node\n\n", r.Cluster, r.Processors, r.Runs)
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "median\tmin\tmax\t%v latency\trequests\tin first run\tsequential\tkB sent\treceived\tmemory\tpod\tlag\t  \n", latency)
	for _, c := range r.Commands {
		fmt.Fprintf(table, "%.2f s\t%.2f\t%.2f\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t  %s\n",
			c.MedianSeconds, slices.Min(c.Seconds), slices.Max(c.Seconds), known(c.FarMedianSeconds, "%.2f s", 1),
			known(number(c.Requests), "%.0f", 1), known(number(c.FirstRunRequests), "%.0f", 1), known(number(c.Sequential), "%.0f", 1),
			known(number(c.BytesSent), "%.0f", 1e3), known(number(c.BytesReceived), "%.0f", 1e3),
			known(number(c.PeakMemoryBytes), "%.0f MB", 1e6), known(c.PodSeconds, "%.2f s", 1), known(c.LagSeconds, "%.2f s", 1), c.Name)
	}
	fmt.Fprintf(table, "\n--help\tmemory\tfile\t  \n")
	for _, p := range r.Programs {
		fmt.Fprintf(table, "%.0f ms\t%.0f MB\t%.0f MB\t  %s\n", 1000*p.HelpSeconds, float64(p.HelpMemoryBytes)/1e6, float64(p.FileBytes)/1e6, p.Name)
	}
	r.Builds.write(table)
	r.Stores.write(table)
	writeUpkeep(table, r.Prune)
	writeReplicas(table, r.Replicas)
	writePeers(table, r.Peers)
	fmt.Fprintf(table, "\nmeasured\tgoal\t\t  \n")
	for _, g := range r.Goals {
		fmt.Fprintln(table, g)
	}
	_ = table.Flush()
	return out.String()
}

// known formats a value in units. It returns a dash for an unknown value.
func known(value *float64, layout string, unit float64) string {
	if value == nil {
		return "–"
	}
	return fmt.Sprintf(layout, *value/unit)
}
