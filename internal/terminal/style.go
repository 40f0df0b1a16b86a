package terminal

import (
	"math"
	"strings"
)

// resetCode ends the formatting of a Style.
const resetCode = "\x1b[0m"

// Style adds color codes to text, if enabled. It does not sanitize the text.
type Style struct {
	// Color enables color codes.
	Color bool
}

// Good formats a success.
func (s Style) Good(text string) string { return s.format("32", text) }

// Bad formats a failure.
func (s Style) Bad(text string) string { return s.format("31", text) }

// Warn formats a warning.
func (s Style) Warn(text string) string { return s.format("33", text) }

// Active formats an operation in progress.
func (s Style) Active(text string) string { return s.format("36", text) }

// Strong formats a heading.
func (s Style) Strong(text string) string { return s.format("1", text) }

// Faint formats less important text.
func (s Style) Faint(text string) string { return s.format("2", text) }

func (s Style) format(code, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + resetCode
}

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
