package main

import (
	"encoding/json"
	"os"
	"slices"
)

// report is the result of the benchmark, as written to the JSON file.
type report struct {
	Cluster    string    `json:"cluster"`
	Processors int       `json:"processors"`
	Runs       int       `json:"runs"`
	Commands   []result  `json:"commands"`
	Programs   []program `json:"programs"`
	// Builds is null if only commands were measured.
	Builds *buildFigures `json:"builds"`
	// Stores are the image stores of one engine.
	Stores *buildFigures `json:"stores,omitempty"`
	Prune  []upkeep      `json:"prune,omitempty"`
	// Replicas are several daemons.
	Replicas []routed `json:"replicas,omitempty"`
	// Peers are ways to build.
	Peers []peerFigures `json:"peers,omitempty"`
	Goals []goal        `json:"goals"`
}

type result struct {
	Name          string    `json:"name"`
	Seconds       []float64 `json:"seconds"`
	MedianSeconds float64   `json:"medianSeconds"`
	// FarSeconds are those with latency to the API server.
	FarSeconds       []float64 `json:"farSeconds"`
	FarMedianSeconds *float64  `json:"farMedianSeconds"`
	// Requests is null if the audit log cannot be read. The first run has empty
	// discovery caches, like a client in a CI job.
	Requests         *int     `json:"requests"`
	FirstRunRequests *int     `json:"firstRunRequests"`
	RequestList      []string `json:"requestList,omitempty"`
	// Sequential is the number of sequential round trips, measured with latency.
	Sequential      *int     `json:"sequentialRoundTrips"`
	BytesSent       *int64   `json:"bytesSent"`
	BytesReceived   *int64   `json:"bytesReceived"`
	PeakMemoryBytes *int64   `json:"peakMemoryBytes"`
	LagSeconds      *float64 `json:"lagSeconds"`
	// PodSeconds is the time that the cluster and the daemon take, from the creation
	// of the Deployment to the daemon's first answer. FarPodSeconds is the same with
	// latency.
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
	r := result{Name: c.name}
	counts, memory := []int(nil), []int64(nil)
	var lags, starts, farStarts []float64
	for _, v := range c.samples {
		r.Seconds = append(r.Seconds, v.seconds)
		memory = append(memory, v.memory)
		lags, starts = appendKnown(lags, v.lag()), appendKnown(starts, v.podStart())
		if v.requests != nil {
			counts = append(counts, len(v.requests))
			r.RequestList = list(v.requests)
		}
	}
	r.MedianSeconds = *medianOrNil(r.Seconds)
	r.Requests, r.PeakMemoryBytes, r.LagSeconds = medianOrNil(counts), medianOrNil(memory), medianOrNil(lags)
	if c.cold.requests != nil {
		r.FirstRunRequests = new(len(c.cold.requests))
	}
	var rounds []int
	var sent, received []int64
	for _, v := range c.far {
		r.FarSeconds = append(r.FarSeconds, v.seconds)
		sent, received = append(sent, v.sent), append(received, v.received)
		farStarts = appendKnown(farStarts, v.podStart())
		if v.requests != nil {
			rounds = append(rounds, sequential(v.requests, latency))
		}
	}
	r.FarMedianSeconds, r.Sequential = medianOrNil(r.FarSeconds), medianOrNil(rounds)
	r.BytesSent, r.BytesReceived = medianOrNil(sent), medianOrNil(received)
	r.PodSeconds, r.FarPodSeconds = medianOrNil(starts), medianOrNil(farStarts)
	return r
}

func appendKnown(values []float64, value *float64) []float64 {
	if value == nil {
		return values
	}
	return append(values, *value)
}

func list(requests []request) []string {
	lines := make([]string, len(requests))
	for i, r := range requests {
		lines[i] = r.verb + " " + r.uri
	}
	return lines
}

// medianOrNil returns the median, nil without values.
func medianOrNil[T int | int64 | float64](values []T) *T {
	if len(values) == 0 {
		return nil
	}
	return new(median(values))
}

// median returns the median. Of an even number of values it returns the lower of the
// two in the middle, which was measured.
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
