package terminal

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Bytes writes a size in the binary units of Kubernetes quantities, with one
// decimal where it tells something: "0 B", "512 MiB", "12.3 GiB", "100 GiB".
func Bytes(n int64) string {
	size, sign := float64(n), ""
	if n < 0 {
		size, sign = -size, "-"
	}
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	unit := 0
	// Rounded first: 1023.99 MiB is 1 GiB, not 1024 MiB.
	for roundSize(size) >= 1024 && unit < len(units)-1 {
		size /= 1024
		unit++
	}
	digits := strings.TrimSuffix(fmt.Sprintf("%.1f", roundSize(size)), ".0")
	return sign + digits + " " + units[unit]
}

func roundSize(size float64) float64 {
	if size >= 99.95 {
		return math.Round(size)
	}
	return math.Round(size*10) / 10
}

// Bar draws how much of total is used, in exactly width columns. What is in
// use shows, however little; what is not full does not look full.
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

// Ago says how long ago something was: "3 days ago". A negative duration lies
// ahead: "in 4 h". Each unit starts at two of them, so that "1 day" never
// stands for 47 hours.
func Ago(d time.Duration) string {
	const day = 24 * time.Hour
	ahead := d < 0
	d = d.Abs()
	var text string
	switch {
	case d < time.Second && ahead:
		return "now"
	case d < time.Second:
		return "just now"
	case d < 2*time.Minute:
		text = count(d, time.Second, "s")
	case d < 2*time.Hour:
		text = count(d, time.Minute, "min")
	case d < 2*day:
		text = count(d, time.Hour, "h")
	case d < 60*day:
		text = count(d, day, "days")
	case d < 730*day:
		text = count(d, 365*day/12, "months")
	default:
		text = count(d, 365*day, "years")
	}
	if ahead {
		return "in " + text
	}
	return text + " ago"
}

func count(d, unit time.Duration, name string) string {
	return fmt.Sprintf("%d %s", int64(math.Round(float64(d)/float64(unit))), name)
}

// elapsed writes how long a step took or has been running: "1.2s", "1m05s",
// "2h07m"; nothing for less than what anybody notices.
func elapsed(d time.Duration) string {
	switch {
	case d < 100*time.Millisecond:
		return ""
	case d.Round(100*time.Millisecond) < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d.Round(time.Second) < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
}

// sofar is elapsed for a step that still runs, in whole seconds: it is written
// many times a second, and tenths would only flicker.
func sofar(d time.Duration) string {
	if d < time.Second {
		return ""
	}
	if d < time.Minute {
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return elapsed(d.Truncate(time.Second))
}

// inBrackets adds an elapsed time to a line; an empty one adds nothing.
func inBrackets(t string) string {
	if t == "" {
		return ""
	}
	return " (" + t + ")"
}
