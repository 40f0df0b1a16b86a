package terminal

import (
	"math"
	"testing"
	"time"
)

func TestBytes(t *testing.T) {
	const kib, mib, gib = 1 << 10, 1 << 20, 1 << 30
	tests := map[int64]string{
		0:               "0 B",
		1:               "1 B",
		1023:            "1023 B",
		kib:             "1 KiB",
		kib + kib/2:     "1.5 KiB",
		1023*kib + 1000: "1 MiB",
		512 * mib:       "512 MiB",
		99*mib + 999000: "100 MiB",
		13207024435:     "12.3 GiB",
		20 * gib:        "20 GiB",
		100 * gib:       "100 GiB",
		3 << 40:         "3 TiB",
		math.MaxInt64:   "8 EiB",
		-3 * gib / 2:    "-1.5 GiB",
		math.MinInt64:   "-8 EiB",
	}
	for n, want := range tests {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestBar(t *testing.T) {
	tests := map[string]struct {
		used, total int64
		width       int
		want        string
	}{
		"half":               {50, 100, 10, "█████░░░░░"},
		"nothing":            {0, 100, 10, "░░░░░░░░░░"},
		"hardly anything":    {1, 1000, 10, "█░░░░░░░░░"},
		"all":                {100, 100, 10, "██████████"},
		"nearly all":         {999, 1000, 10, "█████████░"},
		"more than all":      {200, 100, 4, "████"},
		"less than nothing":  {-1, 100, 4, "░░░░"},
		"of nothing":         {5, 0, 4, "░░░░"},
		"one column":         {5, 100, 1, "█"},
		"no room":            {50, 100, 0, ""},
		"less than no room":  {50, 100, -1, ""},
		"sizes of real disk": {math.MaxInt64 / 2, math.MaxInt64, 10, "█████░░░░░"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Bar(tt.used, tt.total, tt.width); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestAgo(t *testing.T) {
	const day = 24 * time.Hour
	tests := map[time.Duration]string{
		0:                          "just now",
		900 * time.Millisecond:     "just now",
		-900 * time.Millisecond:    "now",
		time.Second:                "1 s ago",
		90 * time.Second:           "90 s ago",
		2 * time.Minute:            "2 min ago",
		time.Hour + 40*time.Minute: "100 min ago",
		-4 * time.Hour:             "in 4 h",
		47 * time.Hour:             "47 h ago",
		48 * time.Hour:             "2 days ago",
		3 * day:                    "3 days ago",
		-(6*day + 23*time.Hour):    "in 7 days",
		61 * day:                   "2 months ago",
		800 * day:                  "2 years ago",
		math.MinInt64:              "in 292 years",
	}
	for d, want := range tests {
		if got := Ago(d); got != want {
			t.Errorf("Ago(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestElapsed(t *testing.T) {
	tests := map[time.Duration]struct{ whole, running string }{
		99 * time.Millisecond:                        {"", ""},
		100 * time.Millisecond:                       {"0.1s", ""},
		1249 * time.Millisecond:                      {"1.2s", "1s"},
		59940 * time.Millisecond:                     {"59.9s", "59s"},
		59960 * time.Millisecond:                     {"1m00s", "59s"},
		65 * time.Second:                             {"1m05s", "1m05s"},
		3599600 * time.Millisecond:                   {"1h00m", "59m59s"},
		2*time.Hour + 7*time.Minute + 29*time.Second: {"2h07m", "2h07m"},
	}
	for d, want := range tests {
		if got := elapsed(d); got != want.whole {
			t.Errorf("elapsed(%v) = %q, want %q", d, got, want.whole)
		}
		if got := sofar(d); got != want.running {
			t.Errorf("sofar(%v) = %q, want %q", d, got, want.running)
		}
	}
}
