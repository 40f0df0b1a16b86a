package main

import "fmt"

// goal is a goal and the measured value.
type goal struct {
	Goal  string   `json:"goal"`
	Value *float64 `json:"value"` // null if it was not measured
	Limit float64  `json:"limit"`
	// Floor is the value that a client would reach if it took no time itself, only
	// the pod did; null if there is none.
	Floor *float64 `json:"floor"`
	Unit  string   `json:"unit,omitempty"`
	// Met is null if it was not measured, or in too few runs.
	Met *bool `json:"met"`
}

// goals returns the goals for the commands and for builds.
func (r report) goals() []goal {
	ratio := func(of func(result) *float64, to string) *float64 {
		own, other := of(r.command(byDindctl)), of(r.command(to))
		if own == nil || other == nil || *other == 0 {
			return nil
		}
		return new(*own / *other)
	}
	near := func(c result) *float64 {
		if len(c.Seconds) == 0 {
			return nil
		}
		return &c.MedianSeconds
	}
	far := func(c result) *float64 { return c.FarMedianSeconds }
	memory := func(c result) *float64 { return number(c.PeakMemoryBytes) }
	unchanged, state := r.command(again), r.command(status)
	var starts *float64
	if len(r.Programs) > 0 {
		starts = new(1000 * r.Programs[0].HelpSeconds)
	}
	var lag *float64
	if seconds := r.command(byDindctl).LagSeconds; seconds != nil {
		lag = new(1000 * *seconds)
	}
	withLatency := fmt.Sprintf(" with %v latency", latency)
	own := r.command(byDindctl)
	floor := func(pod *float64, of func(result) *float64, to string) *float64 {
		if other := of(r.command(to)); pod != nil && other != nil && *other > 0 {
			return new(*pod / *other)
		}
		return nil
	}
	goals := []goal{
		{Goal: "fresh install, compared with kubectl", Value: ratio(near, byKubectl), Limit: 1.0, Unit: "×", Floor: floor(own.PodSeconds, near, byKubectl)},
		{Goal: "fresh install, compared with Helm", Value: ratio(near, byHelm), Limit: 0.7, Unit: "×", Floor: floor(own.PodSeconds, near, byHelm)},
		{Goal: "fresh install" + withLatency + ", compared with kubectl", Value: ratio(far, byKubectl), Limit: 0.5, Unit: "×", Floor: floor(own.FarPodSeconds, far, byKubectl)},
		{Goal: "fresh install" + withLatency + ", compared with Helm", Value: ratio(far, byHelm), Limit: 0.5, Unit: "×", Floor: floor(own.FarPodSeconds, far, byHelm)},
		{Goal: "requests of an install with nothing to change", Value: number(unchanged.Requests), Limit: 12},
		{Goal: "sequential round trips of an install with nothing to change", Value: number(unchanged.Sequential), Limit: 4},
		{Goal: "requests of status", Value: number(state.Requests), Limit: 8},
		{Goal: "sequential round trips of status", Value: number(state.Sequential), Limit: 3},
		{Goal: "from the daemon's first answer to the end of install", Value: lag, Limit: 150, Unit: "ms"},
		{Goal: "start of dindctl --help", Value: starts, Limit: 20, Unit: "ms"},
		{Goal: "peak memory of install, compared with kubectl", Value: ratio(memory, byKubectl), Limit: 1.0, Unit: "×"},
	}
	goals = append(goals, r.Builds.goals()...)
	for i := range goals {
		if value := goals[i].Value; value != nil && r.Runs >= enoughRuns {
			goals[i].Met = new(*value <= goals[i].Limit)
		}
	}
	return goals
}

// command returns the result of that name, an empty one if there is none.
func (r report) command(name string) result {
	for _, c := range r.Commands {
		if c.Name == name {
			return c
		}
	}
	return result{}
}

func number[T int | int64](n *T) *float64 {
	if n == nil {
		return nil
	}
	return new(float64(*n))
}

// String returns the goal in one line: the value, the limit, and whether it is met.
func (g goal) String() string {
	result, value := "too few runs", "–"
	switch {
	case g.Value == nil:
		result = "not measured"
	case g.Met != nil && *g.Met:
		result = "met"
	case g.Met != nil:
		result = "missed"
	}
	if g.Value != nil {
		value = format(*g.Value, g.Unit)
	}
	line := fmt.Sprintf("%s\t≤ %s\t%s\t  %s", value, format(g.Limit, g.Unit), result, g.Goal)
	if g.Floor != nil {
		line += fmt.Sprintf(" (the pod alone: %s)", format(*g.Floor, g.Unit))
	}
	return line
}

func format(value float64, unit string) string {
	switch unit {
	case "×":
		return fmt.Sprintf("%.2f ×", value)
	case "":
		return fmt.Sprintf("%.0f", value)
	}
	return fmt.Sprintf("%.0f %s", value, unit)
}
