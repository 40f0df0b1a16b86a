// Command chart draws the build figures in a benchmark's JSON file:
//
//	chart bench.json builds.svg
//
// The same figures result in the same file.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: chart BENCH.json CHART.svg")
	}
	encoded, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	var report struct {
		Builds *builds `json:"builds"`
	}
	if err := json.Unmarshal(encoded, &report); err != nil {
		return fmt.Errorf("reading %s: %w", args[0], err)
	}
	if report.Builds == nil || len(report.Builds.Engines) == 0 {
		return fmt.Errorf("%s has no figures about builds", args[0])
	}
	drawn, err := draw(*report.Builds)
	if err != nil {
		return err
	}
	return os.WriteFile(args[1], drawn, 0o644)
}

// builds is the part of the report that is drawn.
type builds struct {
	DependencyMegabytes int      `json:"dependencyMegabytes"`
	Engines             []engine `json:"engines"`
}

type engine struct {
	Image string `json:"image"`
	Ways  []way  `json:"ways"`
}

type way struct {
	Name          string  `json:"name"`
	MedianSeconds float64 `json:"medianSeconds"`
}
