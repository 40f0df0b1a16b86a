package main

import (
	"strings"
	"testing"
	"time"
)

func TestReadBuild(t *testing.T) {
	const log = `2026-11-21T18:00:00.1Z ::build-begins
2026-11-21T18:00:00.2Z #5 [1/5] FROM docker.io/library/busybox:1.37
2026-11-21T18:00:00.3Z #6 [2/5] WORKDIR /app
2026-11-21T18:00:00.4Z #6 CACHED
2026-11-21T18:00:00.5Z 
2026-11-21T18:00:00.6Z #7 [3/5] RUN echo "#7 CACHED"
2026-11-21T18:00:01.6Z ::build-ended
`
	var shown []string
	b, err := readBuild(strings.NewReader(log), func(line string) { shown = append(shown, line) })
	if err != nil {
		t.Fatal(err)
	}
	if want := (build{took: 1500 * time.Millisecond, cached: 1}); b != want {
		t.Errorf("got %+v, want %+v", b, want)
	}
	if len(shown) != 4 || shown[2] != "#6 CACHED" {
		t.Errorf("shown: %q", shown)
	}
	if _, err := readBuild(strings.NewReader(log[:strings.Index(log, "2026-11-21T18:00:01.6Z")]), func(string) {}); err == nil {
		t.Error("a build that never ended is taken for a good one")
	}
}

func TestParseVariables(t *testing.T) {
	variables, err := parseVariables("variables:\n  DOCKER_HOST: tcp://docker-dind.ci.svc:2375\n  DOCKER_TLS_CERTDIR: \"\"\n")
	if err != nil {
		t.Fatal(err)
	}
	if len(variables) != 2 {
		t.Errorf("got %v", variables)
	}
	for _, printed := range []string{"", "variables: {}", "Objects: 5 created\nvariables:\n  DOCKER_HOST: a", "error"} {
		if _, err := parseVariables(printed); err == nil {
			t.Errorf("parseVariables(%q) finds nothing wrong", printed)
		}
	}
}
