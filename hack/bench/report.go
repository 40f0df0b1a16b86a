package main

import (
	"encoding/json"
	"os"
	"slices"
)

// report is what the benchmark found, as its JSON file has it.
type report struct {
	Cluster    string    `json:"cluster"`
	Processors int       `json:"processors"`
	Runs       int       `json:"runs"`
	Commands   []result  `json:"commands"`
	Programs   []program `json:"programs"`
	// Builds is null where only commands were measured.
	Builds *buildFigures `json:"builds"`
	Goals  []goal        `json:"goals"`
}

type result struct {
	Name          string    `json:"name"`
	Seconds       []float64 `json:"seconds"`
	MedianSeconds float64   `json:"medianSeconds"`
	// Far are the same with a distance to the API server.
	FarSeconds       []float64 `json:"farSeconds"`
	FarMedianSeconds *float64  `json:"farMedianSeconds"`
	// Requests is null where there is no access to the audit log. The first
	// run has empty discovery caches, as a client in a CI job has.
	Requests         *int     `json:"requests"`
	FirstRunRequests *int     `json:"firstRunRequests"`
	RequestList      []string `json:"requestList,omitempty"`
	// Sequential is how many of them had to wait for another one's answer, in a
	// row, and one; only a distance tells.
	Sequential      *int     `json:"sequentialRoundTrips"`
	BytesSent       *int64   `json:"bytesSent"`
	BytesReceived   *int64   `json:"bytesReceived"`
	PeakMemoryBytes *int64   `json:"peakMemoryBytes"`
	LagSeconds      *float64 `json:"lagSeconds"`
	// PodSeconds are the part that is the cluster's and the daemon's own, from the
	// Deployment to the daemon's first answer; FarPodSeconds with a distance.
	PodSeconds    *float64 `json:"podSeconds"`
	FarPodSeconds *float64 `json:"farPodSeconds"`
}

func newReport(m *measurements, builds *buildFigures, runs int) report {
	r := report{Runs: runs, Programs: m.programs, Builds: builds}
	for _, c := range m.commands {
		r.Commands = append(r.Commands, newResult(c))
	}
	r.Goals = r.goals()
	return r
}

func newResult(c *command) result {
	one := result{Name: c.name}
	counts, memory := []int(nil), []int64(nil)
	var lags, starts, farStarts []float64
	for _, v := range c.samples {
		one.Seconds = append(one.Seconds, v.seconds)
		memory = append(memory, v.memory)
		lags, starts = appendKnown(lags, v.lag()), appendKnown(starts, v.podStart())
		if v.requests != nil {
			counts = append(counts, len(v.requests))
			one.RequestList = list(v.requests)
		}
	}
	one.MedianSeconds = *middle(one.Seconds)
	one.Requests, one.PeakMemoryBytes, one.LagSeconds = middle(counts), middle(memory), middle(lags)
	if c.cold.requests != nil {
		one.FirstRunRequests = new(len(c.cold.requests))
	}
	var rounds []int
	var sent, received []int64
	for _, v := range c.far {
		one.FarSeconds = append(one.FarSeconds, v.seconds)
		sent, received = append(sent, v.sent), append(received, v.received)
		farStarts = appendKnown(farStarts, v.podStart())
		if v.requests != nil {
			rounds = append(rounds, sequential(v.requests, farAway))
		}
	}
	one.FarMedianSeconds, one.Sequential = middle(one.FarSeconds), middle(rounds)
	one.BytesSent, one.BytesReceived = middle(sent), middle(received)
	one.PodSeconds, one.FarPodSeconds = middle(starts), middle(farStarts)
	return one
}

func appendKnown(values []float64, value *float64) []float64 {
	if value == nil {
		return values
	}
	return append(values, *value)
}

func list(requests []request) []string {
	lines := make([]string, len(requests))
	for i, one := range requests {
		lines[i] = one.verb + " " + one.uri
	}
	return lines
}

// middle is the median; nil of nothing.
func middle[T int | int64 | float64](values []T) *T {
	if len(values) == 0 {
		return nil
	}
	return new(median(values))
}

// median of the sorted middle; of an even number, the lower of the two, which
// is a value that was measured.
func median[T int | int64 | float64](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}

func (r report) write(path string) error {
	encoded, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(encoded, '\n'), 0o644)
}
