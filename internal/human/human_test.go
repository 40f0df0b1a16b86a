package human

import (
	"math"
	"testing"
	"time"
)

const day = 24 * time.Hour

func TestSize(t *testing.T) {
	const kib, mib, gib = 1 << 10, 1 << 20, 1 << 30
	for n, want := range map[int64]string{
		0:               "0 B",
		1:               "1 B",
		1023:            "1023 B",
		kib:             "1 KiB",
		kib + kib/2:     "1.5 KiB",
		1023*kib + 1000: "1024 KiB",
		99*mib + 999000: "100 MiB",
		512 * mib:       "512 MiB",
		13207024435:     "12.3 GiB",
		20 * gib:        "20 GiB",
		100 * gib:       "100 GiB",
		3 << 40:         "3 TiB",
		math.MaxInt64:   "8 EiB",
	} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestDurations(t *testing.T) {
	for d, want := range map[time.Duration]struct{ duration, took string }{
		0:                          {"0s", "0.0s"},
		99 * time.Millisecond:      {"0s", "0.1s"},
		1249 * time.Millisecond:    {"1s", "1.2s"},
		59940 * time.Millisecond:   {"60s", "59.9s"},
		59960 * time.Millisecond:   {"60s", "60s"},
		65 * time.Second:           {"65s", "65s"},
		125 * time.Second:          {"2m5s", "2m5s"},
		5 * time.Minute:            {"5m", "5m"},
		3599600 * time.Millisecond: {"60m", "60m"},
		7*time.Hour + 7*time.Minute + 29*time.Second: {"7h7m", "7h7m"},
		7 * day: {"7d", "7d"},
	} {
		if got := Duration(d); got != want.duration {
			t.Errorf("Duration(%v) = %q, want %q", d, got, want.duration)
		}
		if got := Took(d.Seconds()); got != want.took {
			t.Errorf("Took(%v) = %q, want %q", d, got, want.took)
		}
	}
}

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                          "just now",
		900 * time.Millisecond:     "just now",
		-900 * time.Millisecond:    "in 1s",
		time.Second:                "1s ago",
		90 * time.Second:           "90s ago",
		2 * time.Minute:            "2m ago",
		time.Hour + 40*time.Minute: "100m ago",
		-4 * time.Hour:             "in 4h",
		47 * time.Hour:             "47h ago",
		48 * time.Hour:             "2d ago",
		-(6*day + 23*time.Hour):    "in 6d23h",
		61 * day:                   "61d ago",
		800 * day:                  "2y70d ago",
		math.MinInt64:              "in 292y",
	} {
		if got := Ago(d); got != want {
			t.Errorf("Ago(%v) = %q, want %q", d, got, want)
		}
	}
}
