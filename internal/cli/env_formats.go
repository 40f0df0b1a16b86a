package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/dindctl/dindctl/internal/dind"
)

// servicesHint is said wherever variables are pasted: they change nothing for a
// job that still brings its own daemon.
const servicesHint = "Remove `services: docker:dind` from the jobs: it would start a daemon of its own for each."

// comments are lines of their own above what is pasted. Without others, they
// say what certificates need.
func comments(mark string, access dind.Access, lines ...string) string {
	if mount := access.Certificates; mount != nil && len(lines) == 0 {
		lines = append(lines, fmt.Sprintf("The job's pod has to mount the Secret %s at %s.", mount.Secret, mount.Path))
	}
	return mark + " " + strings.Join(append([]string{servicesHint}, lines...), "\n"+mark+" ") + "\n"
}

func writeGitLab(out io.Writer, access dind.Access) error {
	text := comments("#", access)
	if access.Certificates != nil {
		text = comments("#", access, fmt.Sprintf("The Secret %s is mounted by the runner: see `dindctl env --format runner`.", access.Certificates.Secret))
	}
	// GitLab puts other variables' values in for $NAME, and takes $$ for a dollar.
	return writeYAMLMap(out, text+"variables:", access.Variables, strings.NewReplacer("$", "$$"))
}

func writeGitHub(out io.Writer, access dind.Access) error {
	// GitHub evaluates what stands in ${{ }}.
	return writeYAMLMap(out, comments("#", access)+"env:", access.Variables, strings.NewReplacer("${{", "${{ '${{' }}"))
}

// writeVariables writes the block that `install` promises, and nothing else.
func writeVariables(out io.Writer, variables []dind.Variable) error {
	return writeYAMLMap(out, "variables:", variables, strings.NewReplacer("$", "$$"))
}

func writeYAMLMap(out io.Writer, head string, variables []dind.Variable, escape *strings.Replacer) error {
	var b strings.Builder
	b.WriteString(head + "\n")
	for _, v := range variables {
		// One by one, so that they keep their order.
		pair, err := yaml.Marshal(map[string]string{v.Name: escape.Replace(v.Value)})
		if err != nil {
			return fmt.Errorf("encoding %s: %w", v.Name, err)
		}
		b.WriteString(indent(string(pair)))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func indent(block string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(block, "\n"), "\n", "\n  ") + "\n"
}

// tomlString quotes as JSON does, whose strings are strings of TOML too.
func tomlString(text string) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text) // a string always encodes
	return strings.TrimRight(b.String(), "\n")
}

// runnerTable sets the variables for every job that the runner takes; a job's
// own variables win over it.
// See https://docs.gitlab.com/runner/configuration/advanced-configuration/ and
// https://docs.gitlab.com/runner/executors/kubernetes/#configure-volume-types
func runnerTable(access dind.Access) string {
	pairs := make([]string, len(access.Variables))
	for i, v := range access.Variables {
		pairs[i] = tomlString(v.Name + "=" + v.Value)
	}
	table := comments("#", dind.Access{}) + "[[runners]]\n  environment = [" + strings.Join(pairs, ", ") + "]\n"
	if mount := access.Certificates; mount != nil {
		table += "  [[runners.kubernetes.volumes.secret]]\n" +
			"    name = " + tomlString(mount.Secret) + "\n" +
			"    mount_path = " + tomlString(mount.Path) + "\n" +
			"    read_only = true\n"
	}
	return table
}

func writeRunner(out io.Writer, access dind.Access) error {
	_, err := io.WriteString(out, runnerTable(access))
	return err
}

// writeHelm writes values of the gitlab-runner chart, which takes the table as
// a text and adds URL and token to it.
func writeHelm(out io.Writer, access dind.Access) error {
	_, err := io.WriteString(out, "runners:\n  config: |\n"+indent(indent(runnerTable(access))))
	return err
}

// writeJenkins writes the block of a declarative pipeline. In single quotes
// Groovy puts nothing in for a dollar.
func writeJenkins(out io.Writer, access dind.Access) error {
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\r", `\r`)
	var b strings.Builder
	b.WriteString("environment {\n" + indent(indent(comments("//", access))))
	for _, v := range access.Variables {
		fmt.Fprintf(&b, "    %s = '%s'\n", v.Name, quote.Replace(v.Value))
	}
	b.WriteString("}\n")
	_, err := io.WriteString(out, b.String())
	return err
}

func writeShell(out io.Writer, access dind.Access) error {
	var b strings.Builder
	b.WriteString(comments("#", access))
	for _, v := range access.Variables {
		fmt.Fprintf(&b, "export %s='%s'\n", v.Name, strings.ReplaceAll(v.Value, `'`, `'\''`))
	}
	_, err := io.WriteString(out, b.String())
	return err
}
