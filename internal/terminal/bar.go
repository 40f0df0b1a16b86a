package terminal

import (
	"math"
	"strings"
)

// Bar returns a usage bar of exactly width columns. It is never empty if used is
// positive and, from two columns on, never full if used is less than total.
func Bar(used, total int64, width int) string {
	if width <= 0 {
		return ""
	}
	n := 0
	switch {
	case total <= 0 || used <= 0:
	case used >= total:
		n = width
	default:
		n = int(math.Round(float64(used) / float64(total) * float64(width)))
		n = min(max(n, 1), max(width-1, 1))
	}
	return strings.Repeat("█", n) + strings.Repeat("░", width-n)
}
