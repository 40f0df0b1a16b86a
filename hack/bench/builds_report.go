package main

import (
	"fmt"
	"io"
	"slices"
)

// buildFigures are the report's section about builds.
type buildFigures struct {
	DependencyMegabytes int            `json:"dependencyMegabytes"`
	Engines             []engineBuilds `json:"engines"`
}

type engineBuilds struct {
	Image string     `json:"image"`
	Ways  []buildWay `json:"ways"`
	// AtOnce are numbers of builds that one daemon was given at once.
	AtOnce []buildsAtOnce `json:"atOnce"`
}

type buildWay struct {
	Name          string    `json:"name"`
	Seconds       []float64 `json:"seconds"`
	MedianSeconds float64   `json:"medianSeconds"`
}

type buildsAtOnce struct {
	Builds int `json:"builds"`
	// Failed is of all rounds.
	Failed        int       `json:"failed"`
	Seconds       []float64 `json:"seconds"`
	MedianSeconds float64   `json:"medianSeconds"`
	PerMinute     float64   `json:"perMinute"`
}

func newBuildFigures(all []*buildSamples, size buildSize) *buildFigures {
	figures := &buildFigures{DependencyMegabytes: size.megabytes}
	for _, samples := range all {
		engine := engineBuilds{Image: samples.image}
		for _, way := range []string{perJob, firstBuild, warmBuild, afterWeekly, afterGuides} {
			if seconds := samples.ways[way]; len(seconds) > 0 {
				engine.Ways = append(engine.Ways, buildWay{way, seconds, median(seconds)})
			}
		}
		for _, n := range size.atOnce {
			one := buildsAtOnce{Builds: n}
			for _, b := range samples.atOnce[n] {
				one.Seconds = append(one.Seconds, b.seconds)
				one.Failed += b.failed
			}
			if len(one.Seconds) > 0 {
				one.MedianSeconds = median(one.Seconds)
				one.PerMinute = 60 * float64(n) / one.MedianSeconds
				engine.AtOnce = append(engine.AtOnce, one)
			}
		}
		figures.Engines = append(figures.Engines, engine)
	}
	return figures
}

// goals are what is promised of builds: the weekly clean-up leaves them warm,
// and no number of them at once makes one fail.
func (f *buildFigures) goals() []goal {
	if f == nil {
		return nil
	}
	var goals []goal
	for _, engine := range f.Engines {
		var kept *float64
		before, after := engine.way(warmBuild), engine.way(afterWeekly)
		if before != nil && after != nil && *before > 0 {
			kept = new(*after / *before)
		}
		failed := 0
		for _, n := range engine.AtOnce {
			failed += n.Failed
		}
		goals = append(goals,
			goal{Goal: "a warm build after the weekly clean-up, as against before, " + engine.Image, Value: kept, Limit: 1.2, Unit: "×"},
			goal{Goal: "failures among builds at once, " + engine.Image, Value: new(float64(failed))})
	}
	return goals
}

// way is the median of one way; nil where it was not taken.
func (e engineBuilds) way(name string) *float64 {
	i := slices.IndexFunc(e.Ways, func(w buildWay) bool { return w.Name == name })
	if i < 0 {
		return nil
	}
	return &e.Ways[i].MedianSeconds
}

// write adds the section to a table, the engines side by side.
func (f *buildFigures) write(table io.Writer) {
	if f == nil || len(f.Engines) == 0 {
		return
	}
	fmt.Fprintf(table, "\n")
	for _, engine := range f.Engines {
		fmt.Fprintf(table, "%s\t", engine.Image)
	}
	fmt.Fprintf(table, "  one build with %d MB of dependencies, the application changed\n", f.DependencyMegabytes)
	for n, way := range f.Engines[0].Ways {
		for _, engine := range f.Engines {
			fmt.Fprintf(table, "%.1f s\t", engine.Ways[n].MedianSeconds)
		}
		fmt.Fprintf(table, "  %s\n", way.Name)
	}
	fmt.Fprintf(table, "\n")
	for n, atOnce := range f.Engines[0].AtOnce {
		for _, engine := range f.Engines {
			one := engine.AtOnce[n]
			fmt.Fprintf(table, "%.0f a minute, %d failed\t", one.PerMinute, one.Failed)
		}
		fmt.Fprintf(table, "  %d builds at once\n", atOnce.Builds)
	}
}
