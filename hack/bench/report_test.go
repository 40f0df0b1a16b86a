package main

import (
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	samples := func(values ...float64) []sample {
		var all []sample
		for _, v := range values {
			all = append(all, sample{seconds: v, requests: make([]request, int(10*v))})
		}
		return all
	}
	m := &measurements{commands: []*command{
		{name: byDindctl, samples: samples(3, 1, 2), traffic: sample{sent: 1234, received: 5678}},
		{name: byKubectl, samples: samples(4, 4, 1)},
	}}
	r := newReport(m, 3)
	if r.Target.Ratio != 0.5 || r.Target.Met == nil || !*r.Target.Met {
		t.Errorf("target: %+v", r.Target)
	}
	text := r.text()
	for _, want := range []string{"2.00 s  1.00  3.00        20", "1         6  dindctl install", "0.50 ×, met"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if few := newReport(m, 2); few.Target.Met != nil {
		t.Error("two runs give a verdict")
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
