package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// event is one of test2json's.
type event struct {
	Action, Package, Test, Output, Key, Value string
}

// failure is a test that failed, and all it said.
type failure struct {
	event
	said []string
}

// show copies the tests' output from in to out and adds a summary.
func show(in io.Reader, out io.Writer) error {
	said := map[string][]string{} // by package and test
	var figures []event
	var failed []failure
	reader := bufio.NewReader(in)
	for {
		line, err := reader.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
				e = event{Output: line} // go's own words
			}
			if _, err := io.WriteString(out, e.Output); err != nil {
				return err
			}
			test := e.Package + " " + e.Test
			switch e.Action {
			case "output":
				said[test] = append(said[test], e.Output)
			case "attr":
				figures = append(figures, e)
			case "fail":
				failed = append(failed, failure{e, said[test]})
				delete(said, test)
			case "pass", "skip":
				delete(said, test)
			}
		}
		if err == io.EOF {
			return summarize(out, figures, failed)
		}
		if err != nil {
			return err
		}
	}
}

func summarize(out io.Writer, figures []event, failed []failure) error {
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
	_, err := io.WriteString(out, text.String())
	return err
}

// hasFailed tells whether a test within this one has failed: that one is told.
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
	// logged is the first line of what a test says.
	logged = regexp.MustCompile(`^\s*[\w.-]+\.go:\d+: `)
	// command is one that says which program was run, which is no complaint.
	command = regexp.MustCompile(`^\s*[\w.-]+\.go:\d+: \$ `)
)

// edge is how many lines of one test's complaints are repeated at either end: what
// went wrong comes first, or after what was noted on the way.
const edge = 4

// complaints are the lines that a test has said of what is wrong, as far as that
// can be told from what it says only on its way.
func complaints(said []string) []string {
	var lines []string
	var quiet bool
	for _, line := range said {
		switch {
		case logged.MatchString(line):
			quiet = command.MatchString(line)
		case strings.HasPrefix(line, "panic:"), strings.HasPrefix(line, "FAIL"):
			quiet = false
		case !strings.HasPrefix(line, "     "):
			quiet = true // go's own framing
		}
		if line = strings.TrimSpace(line); !quiet && line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) > 2*edge {
		lines = slices.Replace(lines, edge, len(lines)-edge, "…")
	}
	return lines
}
