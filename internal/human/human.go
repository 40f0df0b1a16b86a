// Package human formats sizes, durations and ages for people.
package human

import (
	"fmt"
	"strings"
	"time"

	"github.com/docker/go-units"
	"k8s.io/apimachinery/pkg/util/duration"
)

// Size formats a number of bytes with binary units: "0 B", "54.1 MiB", "20 GiB".
func Size(bytes int64) string {
	names := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	text := units.CustomSize("%.1f %s", float64(bytes), units.KiB, names)
	return strings.Replace(text, ".0 ", " ", 1)
}

// Duration formats a duration like kubectl formats ages: "42s", "2m5s", "47h",
// "9d".
func Duration(d time.Duration) string { return duration.HumanDuration(d.Round(time.Second)) }

// Took formats an elapsed time. Below a minute it has tenths of a second: "3.3s",
// "2m5s".
func Took(seconds float64) string {
	if seconds < 59.95 {
		return fmt.Sprintf("%.1fs", seconds)
	}
	return Duration(time.Duration(seconds * float64(time.Second)))
}

// Ago formats an age as "3d ago". A negative age is in the future: "in 4h".
func Ago(age time.Duration) string {
	switch {
	case age < 0:
		return "in " + Duration(age.Abs())
	case age < time.Second:
		return "just now"
	}
	return Duration(age) + " ago"
}
