//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// The first commands of the README work in a shell as written.
func TestShellLines(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	directory := t.TempDir()
	bin := filepath.Join(directory, "bin")
	must(t, os.Mkdir(bin, 0o755))
	must(t, os.Symlink(env.program, filepath.Join(bin, "dindctl")))
	must(t, os.Symlink(env.program, filepath.Join(bin, "kubectl-dindctl")))
	shell := func(line string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), "sh", "-eu", "-c", line)
		command.Dir = directory
		command.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "KUBECONFIG="+env.kubeconfig,
			"DINDCTL_NAMESPACE="+namespace, "DINDCTL_IMAGE="+env.newest())
		out, err := command.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
		return string(out)
	}
	equal(t, "stdout of install > vars.yml", shell("dindctl install --create-namespace 2>err >vars.yml"), "")
	equal(t, "completion in bash", shell(`bash -c 'source <(dindctl completion bash); COMP_WORDS=(dindctl status -n `+namespace[:len(namespace)-3]+`) COMP_CWORD=3; _dindctl; echo "${COMPREPLY[@]}"'`), namespace+"\n")
	var block map[string]map[string]string
	must(t, yaml.UnmarshalStrict(got[[]byte](t)(os.ReadFile(filepath.Join(directory, "vars.yml"))), &block))
	equal(t, "vars.yml", block, map[string]map[string]string{"variables": {
		"DOCKER_HOST": "tcp://docker-dind." + namespace + ".svc:2375", "DOCKER_TLS_CERTDIR": "",
	}})
	if !json.Valid([]byte(shell("dindctl status -o json"))) {
		t.Error("status -o json is not JSON")
	}
	shell("eval \"$(kubectl-dindctl env --format shell)\" && test \"$DOCKER_HOST\" = tcp://docker-dind." + namespace + ".svc:2375")
	if out := shell("dindctl prune-now"); !strings.Contains(out, "Freed") {
		t.Errorf("prune-now: %s", out)
	}
	shell("dindctl uninstall")
}

// Every command in a console block of the README and of its operations page succeeds. The commands run in
// order, in a shell with the program on its path. Only the namespaces are
// replaced, so that no existing `ci` or `gitlab-jobs` is touched.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("..")
	must(t, err)
	var commands []string
	for _, page := range []string{"README.md", "hack/docs/operations.md"} {
		commands = append(commands, consoleCommands(string(got[[]byte](t)(os.ReadFile(filepath.Join(root, page)))))...)
	}
	if len(commands) < 10 {
		t.Fatalf("only %d commands found: %q", len(commands), commands)
	}
	bin := t.TempDir()
	must(t, os.Symlink(env.program, filepath.Join(bin, "dindctl")))
	namespace, jobs := newNamespace(t), newNamespace(t)
	createNamespace(t, jobs)
	namespaces := strings.NewReplacer("-n ci", "-n "+namespace, "gitlab-jobs", jobs)
	scratch := t.TempDir()

	for _, command := range commands {
		run := exec.Command("bash", "-euo", "pipefail", "-c", namespaces.Replace(command))
		run.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "KUBECONFIG="+env.kubeconfig, "KUBECONFIG_E2E="+env.kubeconfig)
		run.Dir = scratch
		if strings.HasPrefix(command, "make ") {
			run.Dir = root
			// Do not overwrite the program under test, which may be running.
			if command == "make build" {
				run.Args[len(run.Args)-1] = "go build -o " + filepath.Join(scratch, "dindctl") + " ./cmd/dindctl"
			}
		}
		out, err := run.CombinedOutput()
		t.Logf("$ %s\n%s", command, out)
		if err != nil {
			t.Fatalf("%s: %v", command, err)
		}
		if strings.Contains(command, "> vars.yml") {
			vars, err := os.ReadFile(filepath.Join(scratch, "vars.yml"))
			must(t, err)
			if !strings.HasPrefix(string(vars), "variables:\n  DOCKER_HOST: tcp://") {
				t.Errorf("vars.yml holds %q", vars)
			}
		}
	}
}

var consoleBlock = regexp.MustCompile("(?ms)^ *```console\n(.*?)^ *```")

// consoleCommands returns the lines after a prompt in console blocks.
func consoleCommands(markdown string) (commands []string) {
	for _, block := range consoleBlock.FindAllStringSubmatch(markdown, -1) {
		for _, line := range strings.Split(block[1], "\n") {
			if command, is := strings.CutPrefix(strings.TrimSpace(line), "$ "); is {
				commands = append(commands, command)
			}
		}
	}
	return commands
}
