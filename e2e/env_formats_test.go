//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// env prints the variables that install printed, in each format, and the
// format's reader accepts them.
func TestEnvFormats(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest())
	printed := func(format string) string {
		t.Helper()
		r := succeed(t, i.command("env", "--format", format)...)
		equal(t, "stderr of "+format, r.stderr, "")
		return r.stdout
	}
	readsYAML := func(text string, into any) {
		t.Helper()
		if err := yaml.UnmarshalStrict([]byte(text), into); err != nil {
			t.Errorf("not YAML: %v\n%s", err, text)
		}
	}
	pair := fmt.Sprintf("DOCKER_HOST=%s", i.variables["DOCKER_HOST"])
	const hint = "# Remove `services: docker:dind` from the jobs: it would start a separate daemon for each job.\n"
	line := "  environment = [\"" + pair + "\", \"DOCKER_TLS_CERTDIR=\"]\n"

	contains(t, "gitlab", printed("gitlab"), hint)
	inGitLab := maps.Clone(i.variables)
	inGitLab["COMPOSE_PROJECT_NAME"] = "job-$CI_JOB_ID"
	equal(t, "env without a format", succeed(t, i.command("env")...).stdout, printed("gitlab"))
	var gitlab struct {
		Variables map[string]string
		Wait      struct {
			Script []string `json:"before_script"`
		} `json:".dindctl"`
	}
	var github map[string]map[string]string
	readsYAML(printed("gitlab"), &gitlab)
	equal(t, "gitlab", gitlab.Variables, inGitLab)
	wait := code(gitlab.Wait.Script[0])
	readsYAML(printed("github"), &github)
	equal(t, "github", github, map[string]map[string]string{"env": i.variables})
	where := "# Add these lines to config.toml directly below the [[runners]] of your runner. Anywhere else they have no effect.\n"
	line += "  pre_build_script = '''\n" + wait + "'''\n"
	equal(t, "runner", code(printed("runner")), line)
	contains(t, "runner", printed("runner"), hint)
	contains(t, "runner", printed("runner"), where+"  environment = ")
	var helm struct {
		Runners struct{ Config string }
	}
	readsYAML(printed("helm"), &helm)
	equal(t, "helm", code(helm.Runners.Config), "[[runners]]\n"+line)
	equal(t, "jenkins", code(printed("jenkins")), "environment {\n    DOCKER_HOST = '"+i.variables["DOCKER_HOST"]+"'\n    DOCKER_TLS_CERTDIR = ''\n}\n")

	script := filepath.Join(t.TempDir(), "vars.sh")
	must(t, os.WriteFile(script, []byte(printed("shell")), 0o600))
	shell := exec.CommandContext(t.Context(), "sh", "-eu", "-c", `. "$0"; env`, script)
	shell.Env = []string{"PATH=" + os.Getenv("PATH")}
	out := string(got[[]byte](t)(shell.CombinedOutput()))
	for _, line := range []string{pair + "\n", "DOCKER_TLS_CERTDIR=\n"} {
		if !strings.Contains(out, line) {
			t.Errorf("the shell's environment does not contain %q:\n%s", line, out)
		}
	}
	dindctl(t, i.command("env", "--format", "xml")...).want(t, usage).says(t, "gitlab, helm, jenkins, runner, shell")
	asJSON := decode[map[string]string](t, succeed(t, i.command("env", "-o", "json")...))
	equal(t, "env -o json", asJSON, i.variables)
}

// code returns the lines that are no comments.
func code(text string) string { return commentedLine.ReplaceAllString(text, "") }

var commentedLine = regexp.MustCompile(`(?m)^ *(#|//).*\n`)
