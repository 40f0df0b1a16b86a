package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
)

// target is the goal: dindctl's median is at most this many times kubectl's.
const target = 1.0

// report is what the benchmark found, as its JSON file has it.
type report struct {
	Cluster    string   `json:"cluster"`
	Processors int      `json:"processors"`
	Runs       int      `json:"runs"`
	Commands   []result `json:"commands"`
	Target     verdict  `json:"target"`
}

type result struct {
	Name          string    `json:"name"`
	Seconds       []float64 `json:"seconds"`
	MedianSeconds float64   `json:"medianSeconds"`
	// Requests is null where there is no access to the audit log. The first
	// run has empty discovery caches, as a client in a CI job has.
	Requests         *int     `json:"requests"`
	FirstRunRequests *int     `json:"firstRunRequests"`
	RequestList      []string `json:"requestList,omitempty"`
	BytesSent        *int64   `json:"bytesSent"`
	BytesReceived    *int64   `json:"bytesReceived"`
}

type verdict struct {
	Goal  string  `json:"goal"`
	Ratio float64 `json:"ratio"`
	// Met is null if there were too few runs to tell.
	Met *bool `json:"met"`
}

func newReport(m *measurements, runs int) report {
	r := report{Runs: runs}
	medians := map[string]float64{}
	for _, c := range m.commands {
		one := result{Name: c.name}
		var counts []int
		for _, v := range c.samples {
			one.Seconds = append(one.Seconds, v.seconds)
			if v.requests != nil {
				counts = append(counts, len(v.requests))
				one.RequestList = list(v.requests)
			}
		}
		one.MedianSeconds = median(one.Seconds)
		if len(counts) > 0 {
			one.Requests = new(median(counts))
			one.FirstRunRequests = new(len(c.cold.requests))
		}
		if c.traffic.received > 0 {
			one.BytesSent, one.BytesReceived = new(c.traffic.sent), new(c.traffic.received)
		}
		medians[c.name] = one.MedianSeconds
		r.Commands = append(r.Commands, one)
	}
	r.Target = verdict{
		Goal:  fmt.Sprintf("%s ≤ %.1f × %s", byDindctl, target, byKubectl),
		Ratio: medians[byDindctl] / medians[byKubectl],
	}
	if runs >= enough {
		r.Target.Met = new(r.Target.Ratio <= target)
	}
	return r
}

func list(requests []request) []string {
	lines := make([]string, len(requests))
	for i, one := range requests {
		lines[i] = one.verb + " " + one.uri
	}
	return lines
}

// median of the sorted middle; of an even number, the lower of the two, which
// is a value that was measured.
func median[T int | float64](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}

func (r report) text() string {
	var out strings.Builder
	fmt.Fprintf(&out, "Kubernetes %s, %d processors, %d timed runs each, in turns, in fresh namespaces, image on the node\n\n", r.Cluster, r.Processors, r.Runs)
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "median\tmin\tmax\trequests\tfirst run's\tkB sent\treceived\t  ")
	for _, c := range r.Commands {
		fmt.Fprintf(table, "%.2f s\t%.2f\t%.2f\t%s\t%s\t%s\t%s\t  %s\n", c.MedianSeconds, slices.Min(c.Seconds), slices.Max(c.Seconds),
			number(c.Requests), number(c.FirstRunRequests), kilo(c.BytesSent), kilo(c.BytesReceived), c.Name)
	}
	table.Flush()
	said := "too few runs to tell"
	if r.Target.Met != nil {
		said = "missed"
		if *r.Target.Met {
			said = "met"
		}
	}
	fmt.Fprintf(&out, "\ngoal: %s: %.2f ×, %s\n", r.Target.Goal, r.Target.Ratio, said)
	return out.String()
}

func number(n *int) string {
	if n == nil {
		return "–"
	}
	return fmt.Sprint(*n)
}

func kilo(bytes *int64) string {
	if bytes == nil {
		return "–"
	}
	return fmt.Sprintf("%.0f", float64(*bytes)/1000)
}

func (r report) write(path string) error {
	encoded, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(encoded, '\n'), 0o644)
}
