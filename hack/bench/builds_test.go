package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReportOfBuilds(t *testing.T) {
	samples := func(image string, warm, kept float64, failed int) *buildSamples {
		return &buildSamples{
			image: image,
			ways: map[string][]float64{
				perJob: {30, 20, 25}, firstBuild: {15, 14, 16}, warmBuild: {warm, warm, warm}, afterPrune: {kept, 9, 0.5}, afterSystemPrune: {14, 14, 14},
			},
			parallel: map[int][]burst{1: {{2, 0}, {1, 0}, {3, 0}}, 4: {{4, 0}, {4, failed}, {5, 0}}},
		}
	}
	figures := newBuildFigures([]*buildSamples{samples("docker:26", 1, 1.2, 0), samples("docker:29", 1, 1.3, 1)}, buildSize{200, []int{1, 4}})
	r := newReport(&measurements{}, figures, enoughRuns)
	want := map[string]bool{
		"a build after the weekly prune, compared with before, docker:26": true,
		"a build after the weekly prune, compared with before, docker:29": false,
		"failed parallel builds, docker:26":                               true,
		"failed parallel builds, docker:29":                               false,
	}
	got := map[string]bool{}
	for _, g := range r.Goals {
		if g.Met != nil {
			got[g.Goal] = *g.Met
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	text := r.text()
	for _, line := range []string{
		"25.0 s     25.0 s  a new daemon for each job, as in GitLab's guide",
		"1.2 s      1.3 s  dindctl, after the weekly prune",
		"60 per minute, 0 failed  60 per minute, 1 failed  parallel builds: 4",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
	if newReport(&measurements{}, nil, 1).Builds != nil {
		t.Error("the report has builds that were not measured")
	}
}

func TestFewRunsBuildLess(t *testing.T) {
	sample, all := sizeFor(1), sizeFor(enoughRuns)
	if sample.megabytes >= all.megabytes || len(sample.parallel) >= len(all.parallel) || all.megabytes < 200 || all.parallel[len(all.parallel)-1] != 16 {
		t.Errorf("sample %+v, all %+v", sample, all)
	}
}

func TestReadBursts(t *testing.T) {
	got, err := readBursts("#1 DONE\nmeasured: hundredths=1234 failed=2\npushing\nmeasured: hundredths=50 failed=0\n")
	if err != nil || !slices.Equal(got, []burst{{12.34, 2}, {0.5, 0}}) {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := readBursts("Cannot connect to the Docker daemon\n"); err == nil {
		t.Error("no error for a job that measured nothing")
	}
}

// runScript runs a job's script with a docker that is a script too, in a directory that
// it returns.
func runScript(t *testing.T, script, docker string, variables ...string) (root, output string) {
	root = t.TempDir()
	for _, directory := range []string{"bin", "tmp"} {
		if err := os.Mkdir(filepath.Join(root, directory), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "bin/docker"), []byte("#!/bin/sh\n"+strings.ReplaceAll(docker, "ROOT", root)), 0o755); err != nil {
		t.Fatal(err)
	}
	command := exec.Command("sh", "-c", strings.ReplaceAll(script, "/tmp/", root+"/tmp/"))
	command.Env = append(os.Environ(), "PATH="+root+"/bin:"+os.Getenv("PATH"))
	command.Env = append(command.Env, variables...)
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return root, string(out)
}

// The script waits for the daemon, changes the application for each build, and counts
// the builds that failed.
func TestBuildScript(t *testing.T) {
	root, out := runScript(t, buildScript, `case $1 in
version) echo >>ROOT/versions; [ "$(wc -l <ROOT/versions)" -ge 3 ] ;;
build) [ "$(basename "$4")" != 2 ] || { echo it broke; exit 1; } ;;
esac`, "BUILDS=3", "MEGABYTES=20")
	built, err := readBursts(out)
	if err != nil || built[0].failed != 1 || !strings.Contains(out, "it broke") {
		t.Errorf("got %+v, %v\n%s", built, err, out)
	}
	sources := map[string]bool{}
	for _, n := range []string{"1", "2", "3"} {
		source, err := os.ReadFile(filepath.Join(root, "tmp/app", n, "source"))
		if err != nil {
			t.Fatal(err)
		}
		sources[string(source)] = true
	}
	dockerfile, err := os.ReadFile(filepath.Join(root, "tmp/app/1/Dockerfile"))
	if len(sources) != 3 || err != nil || !strings.Contains(string(dockerfile), "seq 20") {
		t.Errorf("%d applications, %v\n%s", len(sources), err, dockerfile)
	}
}

func TestBuildPod(t *testing.T) {
	alone := buildPod{image: "docker:29", daemon: true, registry: "r:5000", builds: 1}.pod("ns")
	shared := buildPod{image: "docker:29", builds: 1}.pod("ns")
	if len(alone.Spec.Containers) != 2 || len(shared.Spec.Containers) != 1 || shared.Spec.Containers[0].SecurityContext != nil {
		t.Errorf("containers %v and %v", alone.Spec.Containers, shared.Spec.Containers)
	}
	if host := alone.Spec.Containers[0].Env[0].Value; host != "tcp://127.0.0.1:2375" {
		t.Errorf("a job with a daemon in its pod connects to %s", host)
	}
	if host := shared.Spec.Containers[0].Env[0].Value; host != "tcp://docker-dind.ns.svc:2375" {
		t.Errorf("a job without one connects to %s", host)
	}
	if diff := cmp.Diff([]string{"--tls=false", "--registry-mirror=http://r:5000", "--insecure-registry=r:5000"}, alone.Spec.Containers[1].Args); diff != "" {
		t.Error(diff)
	}
}
