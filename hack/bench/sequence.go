package main

import (
	"slices"
	"time"
)

// latency is what farRounds adds to each round trip to the API server.
const latency = 50 * time.Millisecond

// sequential returns the number of sequential round trips of a client: the length of
// the longest chain of requests in which each was received at least about the latency
// after the previous one was answered. Requests that were sent in parallel are closer
// to each other. Without added latency, the two could not be distinguished.
func sequential(requests []request, latency time.Duration) int {
	byEnd := slices.Clone(requests)
	slices.SortFunc(byEnd, func(a, b request) int { return a.answered.Compare(b.answered) })
	// The request that is answered first is the best one to continue a chain with.
	rounds, free := 0, time.Time{}
	for _, r := range byEnd {
		if !r.received.Before(free) {
			rounds++
			free = r.answered.Add(latency * 4 / 5)
		}
	}
	return rounds
}
