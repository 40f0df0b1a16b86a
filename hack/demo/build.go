package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

// The job prints these around the build; the demo does not show them.
const (
	buildBegins = "::build-begins"
	buildEnded  = "::build-ended"
)

// build is what the log of a job says about its build.
type build struct {
	took   time.Duration
	cached int // steps that came from the cache
}

// cachedLine is the line of --progress=plain for a cached step: "#7 CACHED".
var cachedLine = regexp.MustCompile(`^#\d+ CACHED$`)

// readBuild reads a log whose lines begin with their times, and shows the lines
// of the build.
func readBuild(log io.Reader, show func(line string)) (build, error) {
	var b build
	var begun, done time.Time
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		stamp, line, _ := strings.Cut(lines.Text(), " ")
		at, err := time.Parse(time.RFC3339Nano, stamp)
		if err != nil {
			return b, fmt.Errorf("reading the job's log: %w", err)
		}
		switch {
		case line == buildBegins:
			begun = at
		case line == buildEnded:
			done = at
		case line == "":
		default:
			show(line)
			if cachedLine.MatchString(line) {
				b.cached++
			}
		}
	}
	if err := lines.Err(); err != nil {
		return b, fmt.Errorf("reading the job's log: %w", err)
	}
	if begun.IsZero() || done.IsZero() {
		return b, errors.New("the build failed")
	}
	b.took = done.Sub(begun)
	return b, nil
}
