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
