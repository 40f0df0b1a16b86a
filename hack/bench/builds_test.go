package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBuildFigures(t *testing.T) {
	samples := func(image string, warm, kept float64, failed int) *buildSamples {
		return &buildSamples{
			image: image,
			ways: map[string][]float64{
				perJob: {30, 20, 25}, firstBuild: {15, 14, 16}, warmBuild: {warm, warm, warm}, afterWeekly: {kept, 9, 0.5}, afterGuides: {14, 14, 14},
			},
			atOnce: map[int][]burst{1: {{2, 0}, {1, 0}, {3, 0}}, 4: {{4, 0}, {4, failed}, {5, 0}}},
		}
	}
	figures := newBuildFigures([]*buildSamples{samples("docker:26", 1, 1.2, 0), samples("docker:29", 1, 1.3, 1)}, buildSize{200, []int{1, 4}})
	r := newReport(&measurements{}, figures, enough)
	want := map[string]bool{
		"a warm build after the weekly clean-up, as against before, docker:26": true,
		"a warm build after the weekly clean-up, as against before, docker:29": false,
		"failures among builds at once, docker:26":                             true,
		"failures among builds at once, docker:29":                             false,
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
		"25.0 s     25.0 s  a daemon for each job, as in GitLab's guide",
		"1.2 s      1.3 s  dindctl, after the weekly clean-up",
		"60 a minute, 0 failed  60 a minute, 1 failed  4 builds at once",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
	if newReport(&measurements{}, nil, 1).Builds != nil {
		t.Error("what was not measured is reported")
	}
}

func TestSampleIsSmall(t *testing.T) {
	sample, all := sizeFor(1), sizeFor(enough)
	if sample.megabytes >= all.megabytes || len(sample.atOnce) >= len(all.atOnce) || all.megabytes < 200 || all.atOnce[len(all.atOnce)-1] != 16 {
		t.Errorf("sample %+v, all %+v", sample, all)
	}
}

func TestReadBurst(t *testing.T) {
	got, err := readBurst("#1 DONE\nmeasured: hundredths=1234 failed=2\n")
	if err != nil || got != (burst{12.34, 2}) {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := readBurst("Cannot connect to the Docker daemon\n"); err == nil {
		t.Error("a job that measured nothing gives a figure")
	}
}

// The script counts those builds that failed, waits for the daemon, and builds
// another application each time.
func TestBuildScript(t *testing.T) {
	root := t.TempDir()
	write := func(name, content string) {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write("bin/docker", `#!/bin/sh
case $1 in
version) echo >>`+root+`/versions; [ "$(wc -l <`+root+`/versions)" -ge 3 ] ;;
build) echo "${5##*/}" >>`+root+`/built; [ "$(basename "$4")" != 2 ] || { echo it broke; exit 1; } ;;
esac`)
	if err := os.Mkdir(filepath.Join(root, "tmp"), 0o755); err != nil {
		t.Fatal(err)
	}
	script := exec.Command("sh", "-c", strings.ReplaceAll(buildScript, "/tmp/", root+"/tmp/"))
	script.Env = append(os.Environ(), "PATH="+root+"/bin:"+os.Getenv("PATH"), "BUILDS=3", "MEGABYTES=20")
	out, err := script.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	built, err := readBurst(string(out))
	if err != nil || built.failed != 1 || !strings.Contains(string(out), "it broke") {
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
		t.Errorf("a job with a daemon of its own asks %s", host)
	}
	if host := shared.Spec.Containers[0].Env[0].Value; host != "tcp://docker-dind.ns.svc:2375" {
		t.Errorf("a job without asks %s", host)
	}
	if diff := cmp.Diff([]string{"--tls=false", "--registry-mirror=http://r:5000", "--insecure-registry=r:5000"}, alone.Spec.Containers[1].Args); diff != "" {
		t.Error(diff)
	}
}
