package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/dindctl/dindctl/internal/dind"
)

// templates is the folder of the components.
const templates = "../gitlab/templates"

// The committed components are those of the program.
func TestComponents(t *testing.T) {
	found, err := os.ReadDir(templates)
	if err != nil {
		t.Fatal(err)
	}
	committed := map[string]string{}
	for _, entry := range found {
		text, err := os.ReadFile(filepath.Join(templates, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		committed[entry.Name()] = string(text)
	}
	if diff := cmp.Diff(committed, components()); diff != "" {
		t.Errorf("%s differs from the program: run `make reference` (-committed +program)\n%s", templates, diff)
	}
}

// job is what a component defines.
type job struct {
	Image        string            `json:"image"`
	Variables    map[string]string `json:"variables"`
	BeforeScript []string          `json:"before_script"`
}

// included returns the jobs of a component as GitLab sees them, with the inputs and the
// defaults of others. It is a copy of GitLab's rule for the text behind the header:
// https://docs.gitlab.com/ci/inputs/
func included(t *testing.T, text string, given map[string]string) (jobs map[string]job) {
	t.Helper()
	head, body, _ := strings.Cut(text, "\n---\n")
	var header struct {
		Spec struct {
			Inputs map[string]struct {
				Default     *string `json:"default"`
				Description string  `json:"description"`
			} `json:"inputs"`
		} `json:"spec"`
	}
	if err := yaml.UnmarshalStrict([]byte(head), &header); err != nil {
		t.Fatal(err)
	}
	for name, input := range header.Spec.Inputs {
		value, there := given[name]
		if !there && input.Default == nil {
			t.Fatalf("the input %s is required", name)
		}
		if !there {
			value = *input.Default
		}
		if input.Description == "" {
			t.Errorf("the input %s has no description", name)
		}
		body = strings.ReplaceAll(body, "$[[ inputs."+name+" ]]", value)
	}
	if strings.Contains(body, "$[[") {
		t.Errorf("an input is not declared:\n%s", body)
	}
	if err := yaml.UnmarshalStrict([]byte(body), &jobs); err != nil {
		t.Fatal(err)
	}
	return jobs
}

// A component sets what `dindctl env` prints for GitLab.
func TestComponentIsLikeEnv(t *testing.T) {
	text, err := os.ReadFile("../../../internal/cli/testdata/env-gitlab.golden")
	if err != nil {
		t.Fatal(err)
	}
	var printed struct {
		Variables map[string]string `json:"variables"`
		Dindctl   job               `json:".dindctl"`
	}
	if err := yaml.UnmarshalStrict(text, &printed); err != nil {
		t.Fatal(err)
	}
	want := map[string]job{".dindctl": {Image: "docker:29", Variables: printed.Variables, BeforeScript: printed.Dindctl.BeforeScript}}
	if diff := cmp.Diff(want, included(t, components()["dindctl.yml"], map[string]string{"namespace": "ci"})); diff != "" {
		t.Errorf("(-env +component):\n%s", diff)
	}
}

// The inputs give what an installation with that namespace, name and kind gives.
func TestInputs(t *testing.T) {
	inputs := map[string]string{"namespace": "builds", "name": "builder", "job": ".docker", "image": "example/docker"}
	for name, options := range installations {
		t.Run(name, func(t *testing.T) {
			options.Namespace, options.Name = "builds", "builder"
			access := dind.AccessTo(options)
			want := job{Image: "example/docker", Variables: map[string]string{"COMPOSE_PROJECT_NAME": "job-$CI_JOB_ID"}, BeforeScript: []string{access.Script}}
			for _, v := range access.Variables {
				want.Variables[v.Name] = v.Value
			}
			if diff := cmp.Diff(map[string]job{".docker": want}, included(t, components()[name], inputs)); diff != "" {
				t.Errorf("(-installation +component):\n%s", diff)
			}
		})
	}
}
