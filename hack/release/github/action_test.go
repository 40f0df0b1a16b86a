// Package github tests the GitHub Action: its file, and its script with a server of releases.
package github

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"sigs.k8s.io/yaml"
)

// The action runs the script with its inputs, and every input and output is one of the
// script's.
func TestAction(t *testing.T) {
	text, err := os.ReadFile("action.yml")
	if err != nil {
		t.Fatal(err)
	}
	type described struct {
		Description string `json:"description"`
		Default     string `json:"default"`
		Value       string `json:"value"`
	}
	var action struct {
		Name        string               `json:"name"`
		Description string               `json:"description"`
		Branding    map[string]string    `json:"branding"`
		Inputs      map[string]described `json:"inputs"`
		Outputs     map[string]described `json:"outputs"`
		Runs        struct {
			Using string `json:"using"`
			Steps []struct {
				ID    string            `json:"id"`
				Shell string            `json:"shell"`
				Env   map[string]string `json:"env"`
				Run   string            `json:"run"`
			} `json:"steps"`
		} `json:"runs"`
	}
	if err := yaml.UnmarshalStrict(text, &action); err != nil {
		t.Fatal(err)
	}
	if action.Name == "" || action.Description == "" || action.Runs.Using != "composite" || len(action.Runs.Steps) != 1 {
		t.Fatalf("got %+v", action)
	}
	step := action.Runs.Steps[0]
	file := regexp.MustCompile(`^"\$GITHUB_ACTION_PATH/(.*)"$`).FindStringSubmatch(step.Run)
	if file == nil || step.Shell != "bash" {
		t.Fatalf("got %+v", step)
	}
	info, err := os.Stat(filepath.FromSlash(file[1]))
	if err != nil || info.Mode()&0o111 == 0 {
		t.Errorf("%s cannot be run: %v", file[1], err)
	}
	script, err := os.ReadFile(file[1])
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for name, value := range step.Env {
		input := regexp.MustCompile(`^\$\{\{ inputs\.(\w+) \}\}$`).FindStringSubmatch(value)
		if input == nil || action.Inputs[input[1]].Description == "" {
			t.Errorf("%s is %s", name, value)
			continue
		}
		used[input[1]] = regexp.MustCompile(`\$\{` + name + `\b`).Match(script)
	}
	for name := range action.Inputs {
		if !used[name] {
			t.Errorf("the script does not read the input %s", name)
		}
	}
	for name, output := range action.Outputs {
		if output.Value != "${{ steps."+step.ID+".outputs."+name+" }}" || !regexp.MustCompile(`'`+name+`=.*GITHUB_OUTPUT`).Match(script) {
			t.Errorf("the script does not write the output %s: %+v", name, output)
		}
	}
}
