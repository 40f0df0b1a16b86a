package terminal

import (
	"math"
	"testing"
)

func TestBar(t *testing.T) {
	tests := map[string]struct {
		used, total int64
		width       int
		want        string
	}{
		"half":             {50, 100, 10, "█████░░░░░"},
		"empty":            {0, 100, 10, "░░░░░░░░░░"},
		"almost empty":     {1, 1000, 10, "█░░░░░░░░░"},
		"full":             {100, 100, 10, "██████████"},
		"almost full":      {999, 1000, 10, "█████████░"},
		"more than total":  {200, 100, 4, "████"},
		"negative":         {-1, 100, 4, "░░░░"},
		"total of zero":    {5, 0, 4, "░░░░"},
		"one column":       {5, 100, 1, "█"},
		"zero columns":     {50, 100, 0, ""},
		"negative columns": {50, 100, -1, ""},
		"large sizes":      {math.MaxInt64 / 2, math.MaxInt64, 10, "█████░░░░░"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Bar(tt.used, tt.total, tt.width); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
