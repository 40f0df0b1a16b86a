package cli

import (
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/redact"
)

// Each command works on all replicas.
func TestCommandsWithReplicas(t *testing.T) {
	w := installedWorld(t, "--replicas", "2")
	for name, args := range map[string][]string{
		"replicas-status":      {"status"},
		"replicas-status-all":  {"status", "-v"},
		"replicas-metrics":     {"status", "-o", "prometheus"},
		"replicas-first":       {"status", "--replica", "0"},
		"replicas-second":      {"status", "--replica", "docker-dind-1"},
		"replicas-dry-run":     {"install", "--replicas", "1", "--dry-run", "--skip-preflight"},
		"replicas-prune":       {"prune-now", "--dry-run"},
		"replicas-uninstall":   {"uninstall", "--dry-run"},
		"replicas-env-github":  {"env", "--format", "github"},
		"replicas-env-runner":  {"env", "--format", "runner"},
		"replicas-env-jenkins": {"env", "--format", "jenkins"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := w.run(t, args...)
			if code != 0 {
				t.Errorf("code %d, stderr %s", code, stderr)
			}
			golden(t, name, stdout)
		})
	}
	if code, stdout, stderr := w.run(t, "prune-now", "--dry-run", "--replica", "1"); code != 0 || strings.Contains(stdout, "docker-dind:") {
		t.Errorf("code %d, %s%s", code, stdout, stderr)
	}
	w.env["DINDCTL_REPLICA"] = "docker-dind-1"
	if code, stdout, stderr := w.run(t, "env"); code != 0 || !strings.Contains(stdout, "DOCKER_HOST: tcp://docker-dind.ci.svc:2375") {
		t.Errorf("a command that knows no --replica: code %d, %s%s", code, stdout, stderr)
	}
	delete(w.env, "DINDCTL_REPLICA")
	for _, replica := range []string{"8", "-1", "other"} {
		if code, _, stderr := w.run(t, "status", "--replica", replica); code != 2 || !strings.Contains(stderr, "must be a number from 0 to 7") {
			t.Errorf("code %d, %s", code, stderr)
		}
	}
	w.RunJobs(batchv1.JobComplete, corev1.PodSucceeded, "")
	if code, stdout, _ := w.run(t, "prune-now", "-o", "json"); code != 0 || strings.Count(stdout, `"job": "docker-dind-`) != 2 || !strings.Contains(stdout, `"replicas": [`) {
		t.Errorf("code %d, %s", code, stdout)
	}
}

// The replica that `where` prints is the one that jobs choose.
func TestWhere(t *testing.T) {
	w := installedWorld(t, "--replicas", "3")
	ranking := dind.Ranking("docker-dind", "4711", 3)
	for _, test := range []struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		{[]string{"4711"}, 0, ranking[0] + " (then " + ranking[1] + ", " + ranking[2] + ")\n", ""},
		{[]string{"4711", "-o", "json"}, 0, `"replica": "` + ranking[0] + `"`, ""},
		{nil, 2, "", "KEY: must be one word"},
		{[]string{"a", "b"}, 2, "", `KEY "a b": must be one word`},
		{[]string{"--token", "abc", "4711"}, 2, "", "KEY: may be part of the secret before it"},
	} {
		code, stdout, stderr := w.run(t, append([]string{"where"}, test.args...)...)
		if code != test.code || !strings.Contains(stdout, test.stdout) || !strings.Contains(stderr, test.stderr) || strings.Contains(stderr, redact.Hidden) {
			t.Errorf("%q: code %d, stdout %q, stderr %q", test.args, code, stdout, stderr)
		}
	}
	w = installedWorld(t)
	if code, stdout, stderr := w.run(t, "where", "4711"); code != 0 || stdout != "docker-dind\n" {
		t.Errorf("code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

// Manifests of replicas are those of each, without a second one of the same kind and name.
func TestManifestsOfReplicas(t *testing.T) {
	_, stdout, _ := newWorld(t).run(t, "manifests", "--replicas", "2", "--tls")
	found := map[string]int{}
	for document := range strings.SplitSeq(stdout, "---\n") {
		var object struct {
			Kind     string
			Metadata struct{ Name string }
		}
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			t.Fatal(err)
		}
		found[object.Kind+"/"+object.Metadata.Name]++
	}
	for object, times := range found {
		if times > 1 && object != "/" {
			t.Errorf("%s is there %d times", object, times)
		}
	}
	if found["Deployment/docker-dind-1"] != 1 || found["Secret/docker-dind-server-tls"] != 1 || found["Secret/docker-dind-1-server-tls"] != 0 {
		t.Errorf("got %v", found)
	}
}
