package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden file")

// The same figures result in the same file.
func TestChart(t *testing.T) {
	const golden = "testdata/builds.svg"
	drawn := filepath.Join(t.TempDir(), "builds.svg")
	for range 2 {
		if err := run([]string{"testdata/bench.json", drawn}); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(drawn)
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("the chart differs from %s: compare them, then run with -update", golden)
		}
	}
	texts := textsOf(t, drawn)
	for _, want := range []string{
		"Time of one build with 200 MB of dependencies and a changed application", "docker:26.1.5-dind", "docker:29.7.2-dind",
		"dindctl, after the weekly prune", "21.5", "25.0", "1.1", "18.9", "0", "20",
	} {
		if !slices.Contains(texts, want) {
			t.Errorf("no %q among %q", want, texts)
		}
	}
}

// textsOf returns the texts of an SVG file, which must be well-formed.
func textsOf(t *testing.T, file string) (texts []string) {
	t.Helper()
	encoded, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for decoder := xml.NewDecoder(bytes.NewReader(encoded)); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return texts
		}
		if err != nil {
			t.Fatal(err)
		}
		if data, is := token.(xml.CharData); is && strings.TrimSpace(string(data)) != "" {
			texts = append(texts, string(data))
		}
	}
}

func TestChartWithoutFigures(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bench.json")
	for name, content := range map[string]string{"not JSON": "x", "only commands": `{"builds": null}`, "no engine": `{"builds": {"engines": []}}`} {
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := run([]string{file, file + ".svg"}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := run([]string{file}); err == nil {
		t.Error("no file to write to: no error")
	}
}

func TestTicks(t *testing.T) {
	for most, want := range map[float64][2]string{27: {"5", "25"}, 9.9: {"1", "9"}, 10: {"1", "10"}, 0.5: {"0.05", "0.5"}, 110: {"20", "100"}} {
		marks := ticks(0, most)
		if first, last := marks[1].Label, marks[len(marks)-1].Label; first != want[0] || last != want[1] {
			t.Errorf("up to %v: %s to %s, want %v", most, first, last, want)
		}
	}
}
