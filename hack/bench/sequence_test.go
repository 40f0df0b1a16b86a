package main

import (
	"testing"
	"time"
)

func TestSequential(t *testing.T) {
	at := func(received, answered int) request {
		begin := time.Unix(1000, 0)
		return request{received: begin.Add(time.Duration(received) * time.Millisecond), answered: begin.Add(time.Duration(answered) * time.Millisecond)}
	}
	tests := []struct {
		name     string
		requests []request
		want     int
	}{
		{"none", nil, 0},
		{"one", []request{at(0, 5)}, 1},
		{"parallel, one answered before the other is received", []request{at(0, 1), at(2, 3), at(10, 12)}, 1},
		{"sequential", []request{at(0, 1), at(52, 53), at(104, 105)}, 3},
		{"two in parallel, then two in parallel", []request{at(0, 3), at(1, 2), at(53, 60), at(54, 55)}, 2},
		{"a long one parallel to three short ones", []request{at(0, 200), at(0, 1), at(52, 53), at(104, 105)}, 3},
		{"in any order", []request{at(104, 105), at(0, 1), at(52, 53)}, 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := sequential(test.requests, 50*time.Millisecond); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}
