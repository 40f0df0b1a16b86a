package main

import (
	"slices"
	"time"
)

// farAway is what the far rounds add to every round trip to the API server.
const farAway = 50 * time.Millisecond

// sequential counts the round trips that a client made one after the other: the
// longest chain of requests each of which came when the one before it had been
// answered, and the answer had had the time to reach the client and a request to
// come back. Requests that go out together come closer to each other than that;
// without the added distance nothing would tell the two apart.
func sequential(requests []request, distance time.Duration) int {
	byEnd := slices.Clone(requests)
	slices.SortFunc(byEnd, func(a, b request) int { return a.answered.Compare(b.answered) })
	// The request that is answered first is the best next link of a chain.
	rounds, free := 0, time.Time{}
	for _, one := range byEnd {
		if !one.received.Before(free) {
			rounds++
			free = one.answered.Add(distance * 4 / 5)
		}
	}
	return rounds
}
