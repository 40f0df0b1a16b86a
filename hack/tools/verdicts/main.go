// Command verdicts reads the output of one `go test -json` per file and prints a
// table of the tests, with a column for each file, which says last when its tests
// ended. It fails unless every file has tests and each of them has passed.
//
//	verdicts v1.30.14.json v1.36.3.json
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "verdicts:", err)
		os.Exit(1)
	}
}

var errNotPassed = errors.New("not everything passed")

func run(files []string, out io.Writer) error {
	columns := make([]column, len(files))
	for i, file := range files {
		columns[i].name = strings.TrimSuffix(filepath.Base(file), ".json")
		in, err := os.Open(file)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		columns[i], err = read(columns[i].name, in)
		if err := errors.Join(err, in.Close()); err != nil {
			return fmt.Errorf("reading %s: %w", file, err)
		}
	}
	return table(columns, out)
}

// words has the verdict that follows from an event of a test. One without an end has
// been ended with all others.
var words = map[string]string{"run": "unfinished", "pass": "passed", "fail": "FAILED", "skip": "skipped"}

// column is the verdicts of one file by test.
type column struct {
	name     string
	verdicts map[string]string
	skipped  map[string]int // how many of its subtests
	ended    time.Time
}

// read returns the verdict on each test, not on its subtests.
func read(name string, in io.Reader) (column, error) {
	c := column{name: name, verdicts: map[string]string{}, skipped: map[string]int{}}
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		var event struct {
			Time         time.Time
			Action, Test string
		}
		if json.Unmarshal([]byte(line), &event) == nil && event.Test != "" {
			c.ended = event.Time
			test, _, isPart := strings.Cut(event.Test, "/")
			if verdict := words[event.Action]; verdict != "" && !isPart {
				c.verdicts[test] = verdict
			}
			if isPart && event.Action == "skip" {
				c.skipped[test]++
			}
		}
		if errors.Is(err, io.EOF) {
			return c, nil
		}
		if err != nil {
			return column{}, err
		}
	}
}

func table(columns []column, out io.Writer) error {
	tests := map[string]bool{}
	passed := true
	text := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, c := range columns {
		fmt.Fprint(text, "\t"+c.name)
		passed = passed && len(c.verdicts) > 0
		for test := range c.verdicts {
			tests[test] = true
		}
	}
	fmt.Fprintln(text)
	for _, test := range slices.Sorted(maps.Keys(tests)) {
		fmt.Fprint(text, test)
		for _, c := range columns {
			verdict := c.verdicts[test]
			if verdict == "" {
				verdict = "not run"
			}
			passed = passed && verdict == "passed"
			if parts := c.skipped[test]; parts > 0 {
				verdict += fmt.Sprintf(", %d skipped", parts)
			}
			fmt.Fprint(text, "\t"+verdict)
		}
		fmt.Fprintln(text)
	}
	fmt.Fprint(text, "ended")
	for _, c := range columns {
		fmt.Fprint(text, "\t")
		if !c.ended.IsZero() {
			fmt.Fprint(text, c.ended.UTC().Format("2006-01-02 15:04Z"))
		}
	}
	fmt.Fprintln(text)
	if err := text.Flush(); err != nil || passed {
		return err
	}
	return errNotPassed
}
