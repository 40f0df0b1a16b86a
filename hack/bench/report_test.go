package main

import (
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

func TestReport(t *testing.T) {
	samples := func(values ...float64) []sample {
		var all []sample
		for _, v := range values {
			requests := make([]request, int(10*v))
			requests[len(requests)-1] = request{verb: "patch", uri: "/apis/apps/v1/namespaces/ci/deployments/docker-dind?fieldManager=x", answered: noon.Add(-seconds(0.6 * v))}
			all = append(all, sample{seconds: v, done: noon.Add(seconds(v / 10)), answered: noon, memory: int64(v * 1e7), requests: requests, sent: 1234, received: 5678})
		}
		return all
	}
	m := &measurements{
		programs: []program{{"dindctl", 0.019, 30e6, 50e6}},
		commands: []*command{
			{name: byDindctl, samples: samples(3, 1, 2), far: samples(3, 3, 3)},
			{name: byKubectl, samples: samples(4, 4, 1), far: samples(5, 5, 5)},
			{name: status, samples: samples(0.9)},
		},
	}
	r := newReport(m, nil, 3)
	want := map[string]bool{
		"fresh install, compared with kubectl":                   true,
		"fresh install with 50ms latency, compared with kubectl": false,
		"requests of status":                                     false,
		"from the daemon's first answer to the end of install":   false,
		"start of dindctl --help":                                true,
		"peak memory of install, compared with kubectl":          true,
	}
	for _, g := range r.Goals {
		met, known := want[g.Goal]
		if known != (g.Met != nil) || known && *g.Met != met {
			t.Errorf("%v: met %v, want %v (known: %v)", g, g.Met, met, known)
		}
	}
	text := r.text()
	for _, want := range []string{
		"2.00 s  1.00  3.00        3.00 s        20             –           1        1         6   20 MB  1.20 s  0.20 s  dindctl install",
		"19 ms   30 MB  50 MB", "0.50 ×  ≤ 1.00 ×", "met  fresh install, compared with kubectl (the pod alone: 0.30 ×)\n",
		"with 50ms latency, compared with kubectl (the pod alone: 0.36 ×)\n", "9       ≤ 8", "missed  requests of status",
		"–  ≤ 0.70 ×  not measured  fresh install, compared with Helm\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, g := range newReport(m, nil, 2).Goals {
		if g.Met != nil {
			t.Errorf("after two runs: %v", g)
		}
	}
	if latency != 50*time.Millisecond {
		t.Error("the goals are for a latency of 50 ms")
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []int
		want   int
	}{{[]int{7}, 7}, {[]int{3, 1}, 1}, {[]int{9, 1, 5}, 5}} {
		if got := median(c.values); got != c.want {
			t.Errorf("median(%v) = %d, want %d", c.values, got, c.want)
		}
	}
}
