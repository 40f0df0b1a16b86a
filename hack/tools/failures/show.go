package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

// event is an event of test2json.
type event struct {
	Time                                      time.Time
	Action, Package, Test, Output, Key, Value string
}

// failure is a test that failed, and its output.
type failure struct {
	event
	said []string
}

// show copies the tests' output from in to out and adds a summary.
func show(in io.Reader, out io.Writer) error {
	said := map[string][]string{}   // by package and test
	began := map[string]time.Time{} // by test, of the package that runs
	var unfinished []string
	var figures []event
	var failed []failure
	reader := bufio.NewReader(in)
	for {
		line, err := reader.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
				e = event{Output: line} // a line of go itself
			}
			if _, err := io.WriteString(out, e.Output); err != nil {
				return err
			}
			test := e.Package + " " + e.Test
			switch e.Action {
			case "run", "cont":
				began[e.Test] = e.Time
			case "pause":
				delete(began, e.Test)
			case "output":
				said[test] = append(said[test], e.Output)
			case "attr":
				figures = append(figures, e)
			case "fail":
				failed = append(failed, failure{e, said[test]})
				fallthrough
			case "pass", "skip":
				delete(said, test)
				delete(began, e.Test)
				if e.Test == "" {
					for test, since := range began {
						unfinished = append(unfinished, fmt.Sprintf("%s, after %s", test, e.Time.Sub(since).Round(time.Second)))
					}
					clear(began)
				}
			}
		}
		if err == io.EOF {
			return summarize(out, figures, failed, unfinished)
		}
		if err != nil {
			return err
		}
	}
}

func summarize(out io.Writer, figures []event, failed []failure, unfinished []string) error {
	var text strings.Builder
	if len(figures) > 0 {
		text.WriteString("\n=== what was counted\n")
	}
	for _, figure := range figures {
		fmt.Fprintf(&text, "%s: %s: %s\n", figure.Test, figure.Key, figure.Value)
	}
	failed = slices.DeleteFunc(failed, func(f failure) bool { return hasFailed(failed, f) })
	if len(failed) > 0 {
		text.WriteString("\n=== what failed\n")
	}
	for _, f := range failed {
		name := f.Test
		if name == "" {
			name = f.Package
		}
		text.WriteString(name + "\n")
		for _, line := range complaints(f.said) {
			text.WriteString("    " + line + "\n")
		}
	}
	if len(unfinished) > 0 {
		text.WriteString("\n=== what did not end\n")
	}
	for _, test := range slices.Sorted(slices.Values(unfinished)) {
		text.WriteString(test + "\n")
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// hasFailed reports whether a subtest has failed: then that one is repeated.
func hasFailed(failed []failure, one failure) bool {
	within := one.Test + "/"
	if one.Test == "" {
		within = ""
	}
	return slices.ContainsFunc(failed, func(f failure) bool {
		return f.Package == one.Package && f.Test != one.Test && strings.HasPrefix(f.Test, within)
	})
}

var (
	// logged matches the first line of what a test logs.
	logged = regexp.MustCompile(`^\s*[\w.-]+\.go:\d+: `)
	// command matches a line that names the program or the pod that was run, not an
	// error.
	command = regexp.MustCompile(`^\s*[\w.-]+\.go:\d+: (\$ |pod/\S+ ran:)`)
)

// edge is how many lines of each error are repeated: what a reader sees of a run is often
// only its end.
const edge = 6

// complaints returns the first lines of each error in a test's output, as far as errors can
// be distinguished from the rest.
func complaints(said []string) []string {
	var lines []string
	var quiet bool
	var count int
	for _, line := range said {
		switch {
		case logged.MatchString(line):
			quiet, count = command.MatchString(line), 0
		case strings.HasPrefix(line, "panic:"), strings.HasPrefix(line, "FAIL"):
			quiet, count = false, 0
		case !strings.HasPrefix(line, "     "):
			quiet = true // a line that frames the output
		}
		if line = strings.TrimSpace(line); quiet || line == "" {
			continue
		}
		if count++; count <= edge {
			lines = append(lines, line)
		} else if count == edge+1 {
			lines = append(lines, "…")
		}
	}
	return lines
}
