package steps

import (
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"
)

var frames = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

// line returns the moving line of a step, cut to the width of the terminal.
func (s *step) line(frame, width int, now time.Time) string {
	line := fmt.Sprintf("%c %6s  %s (usually %s)", frames[frame%len(frames)], exact(now.Sub(s.began)), s.title, rough(s.usually))
	if s.detail != "" {
		line += ": " + s.detail
	}
	// A line that reaches the last column may wrap, and could not be erased.
	if runes := []rune(line); len(runes) >= width {
		line = string(runes[:width-1])
	}
	return line
}

// exact returns how long a step took: 8m05s.
func exact(d time.Duration) string {
	seconds := int(d.Round(time.Second).Seconds())
	if seconds < 60 {
		return fmt.Sprintf("%ds", seconds)
	}
	return fmt.Sprintf("%dm%02ds", seconds/60, seconds%60)
}

// rough returns how long a step usually takes: 9 min.
func rough(d time.Duration) string {
	if d <= 90*time.Second {
		return fmt.Sprintf("%d s", int(d.Seconds()))
	}
	return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
}

// columns returns the width of the terminal that the file is, or 0 if it is no
// terminal that can move its cursor.
func columns(file *os.File) int {
	var size struct{ rows, columns, x, y uint16 }
	_, _, failed := syscall.Syscall(syscall.SYS_IOCTL, file.Fd(), syscall.TIOCGWINSZ, uintptr(unsafe.Pointer(&size)))
	switch {
	case failed != 0 || os.Getenv("TERM") == "dumb":
		return 0
	case size.columns == 0: // a terminal that does not know its size
		return 80
	}
	return int(size.columns)
}
