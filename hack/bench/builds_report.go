package main

import (
	"fmt"
	"io"
	"slices"
)

// buildFigures is the report's section about builds.
type buildFigures struct {
	DependencyMegabytes int            `json:"dependencyMegabytes"`
	Engines             []engineBuilds `json:"engines"`
}

type engineBuilds struct {
	Image string     `json:"image"`
	Ways  []buildWay `json:"ways"`
	// VolumeBytes is what the first build adds to the volume.
	VolumeBytes *int64 `json:"volumeBytes,omitempty"`
	// Parallel has the parallel builds of one daemon.
	Parallel []parallelBuilds `json:"atOnce"`
}

type buildWay struct {
	Name          string    `json:"name"`
	Seconds       []float64 `json:"seconds"`
	MedianSeconds float64   `json:"medianSeconds"`
}

type parallelBuilds struct {
	Builds int `json:"builds"`
	// Failed is the number of failed builds in all rounds.
	Failed        int       `json:"failed"`
	Seconds       []float64 `json:"seconds"`
	MedianSeconds float64   `json:"medianSeconds"`
	PerMinute     float64   `json:"perMinute"`
}

func newBuildFigures(all []*buildSamples, size buildSize) *buildFigures {
	figures := &buildFigures{DependencyMegabytes: size.megabytes}
	for _, samples := range all {
		engine := engineBuilds{
			Image: samples.image, VolumeBytes: medianOrNil(samples.bytes),
			Ways: samples.medians(perJob, firstBuild, warmBuild, pushAll, afterPrune, afterSystemPrune),
		}
		for _, n := range size.parallel {
			p := parallelBuilds{Builds: n}
			for _, b := range samples.parallel[n] {
				p.Seconds = append(p.Seconds, b.seconds)
				p.Failed += b.failed
			}
			if len(p.Seconds) > 0 {
				p.MedianSeconds = median(p.Seconds)
				p.PerMinute = 60 * float64(n) / p.MedianSeconds
				engine.Parallel = append(engine.Parallel, p)
			}
		}
		figures.Engines = append(figures.Engines, engine)
	}
	return figures
}

// goals returns the goals for builds: they are as fast after the weekly prune as
// before, and no parallel build fails.
func (f *buildFigures) goals() []goal {
	if f == nil {
		return nil
	}
	var goals []goal
	for _, engine := range f.Engines {
		var ratio *float64
		before, after := wayNamed(engine.Ways, warmBuild), wayNamed(engine.Ways, afterPrune)
		if before != nil && after != nil && *before > 0 {
			ratio = new(*after / *before)
		}
		failed := 0
		for _, n := range engine.Parallel {
			failed += n.Failed
		}
		goals = append(goals,
			goal{Goal: "a build after the weekly prune, compared with before, " + engine.Image, Value: ratio, Limit: 1.2, Unit: "×"},
			goal{Goal: "failed parallel builds, " + engine.Image, Value: new(float64(failed))})
	}
	return goals
}

// medians returns the named ways that were measured, in this order.
func (b *buildSamples) medians(names ...string) (ways []buildWay) {
	for _, name := range names {
		if seconds := b.ways[name]; len(seconds) > 0 {
			ways = append(ways, buildWay{name, seconds, median(seconds)})
		}
	}
	return ways
}

// wayNamed returns the median of one way, nil if it was not measured.
func wayNamed(ways []buildWay, name string) *float64 {
	i := slices.IndexFunc(ways, func(w buildWay) bool { return w.Name == name })
	if i < 0 {
		return nil
	}
	return &ways[i].MedianSeconds
}

// write adds the section to a table, with a column for each engine.
func (f *buildFigures) write(table io.Writer) {
	if f == nil || len(f.Engines) == 0 {
		return
	}
	fmt.Fprintf(table, "\n")
	for _, engine := range f.Engines {
		fmt.Fprintf(table, "%s\t", engine.Image)
	}
	fmt.Fprintf(table, "  one build with %d MB of dependencies and a changed application\n", f.DependencyMegabytes)
	for n, way := range f.Engines[0].Ways {
		for _, engine := range f.Engines {
			fmt.Fprintf(table, "%.1f s\t", engine.Ways[n].MedianSeconds)
		}
		fmt.Fprintf(table, "  %s\n", way.Name)
	}
	if f.Engines[0].VolumeBytes != nil {
		for _, engine := range f.Engines {
			fmt.Fprintf(table, "%s\t", known(number(engine.VolumeBytes), "%.0f MB", 1e6))
		}
		fmt.Fprintf(table, "  on the volume after the first build\n")
	}
	fmt.Fprintf(table, "\n")
	for n, parallel := range f.Engines[0].Parallel {
		for _, engine := range f.Engines {
			p := engine.Parallel[n]
			fmt.Fprintf(table, "%.0f per minute, %d failed\t", p.PerMinute, p.Failed)
		}
		fmt.Fprintf(table, "  parallel builds: %d\n", parallel.Builds)
	}
}
