package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/dindctl/dindctl/internal/dind"
)

// composeProject gives the Compose projects of each job a name that no other job has.
// GitLab expands the variable.
const composeProject = "  COMPOSE_PROJECT_NAME: job-$CI_JOB_ID\n"

func writeGitLab(out io.Writer, access dind.Access) error {
	// GitLab expands $NAME and reads $$ as a dollar sign.
	err := writeYAMLMap(out, comment("#", gitLabComments(access)...)+"variables:", access.Variables, strings.NewReplacer("$", "$$"))
	if err == nil {
		// A list of script lines for `!reference [.dindctl, before_script]`.
		_, err = io.WriteString(out, composeProject+comment("#", scriptHint(access), gitLabWaitHint)+".dindctl:\n  before_script:\n    - |\n"+indent(indent(indent(access.Script))))
	}
	return err
}

func writeGitHub(out io.Writer, access dind.Access) error {
	// GitHub evaluates expressions in ${{ }}.
	err := writeYAMLMap(out, comment("#", gitHubComments(access)...)+"env:", access.Variables, strings.NewReplacer("${{", "${{ '${{' }}"))
	if err == nil {
		_, err = io.WriteString(out, comment("#", scriptHint(access), "Make it the first step of the job:", "    - run: |")+commented("#", indent(indent(indent(indent(access.Script))))))
	}
	return err
}

// writeVariables writes the block that install prints, without comments.
func writeVariables(out io.Writer, variables []dind.Variable) error {
	return writeYAMLMap(out, "variables:", variables, strings.NewReplacer("$", "$$"))
}

func writeYAMLMap(out io.Writer, head string, variables []dind.Variable, escape *strings.Replacer) error {
	var b strings.Builder
	b.WriteString(head + "\n")
	for _, v := range variables {
		// Encoded one by one to keep their order.
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

// tomlString quotes text as a JSON string, which is also a TOML string.
func tomlString(text string) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text) // a string always encodes
	return strings.TrimRight(b.String(), "\n")
}

// runnerLines returns the lines of config.toml that set the variables for all jobs of a
// runner, and those that mount the certificates; none without TLS. A job's own variables
// override the runner's.
// See https://docs.gitlab.com/runner/configuration/advanced-configuration/ and
// https://docs.gitlab.com/runner/executors/kubernetes/#configure-volume-types
func runnerLines(access dind.Access) (variables, mount string) {
	pairs := make([]string, len(access.Variables))
	for i, v := range access.Variables {
		pairs[i] = tomlString(v.Name + "=" + v.Value)
	}
	if secret := access.Certificates; secret != nil {
		mount = "  [[runners.kubernetes.volumes.secret]]\n" +
			"    name = " + tomlString(secret.Secret.Name) + "\n" +
			"    mount_path = " + tomlString(secret.Path) + "\n" +
			"    read_only = true\n"
		if secret.Secret.Given {
			mount += "    [runners.kubernetes.volumes.secret.items]\n"
			for _, k := range secret.Secret.Keys() {
				mount += "      " + tomlString(k.Key) + " = " + tomlString(k.File) + "\n"
			}
		}
	}
	return "  environment = [" + strings.Join(pairs, ", ") + "]\n" + waitLines(access), mount
}

// waitLines returns the lines of config.toml that make each job of a runner wait while the
// daemon takes no new jobs.
// See https://docs.gitlab.com/runner/configuration/advanced-configuration/#the-runners-section
func waitLines(access dind.Access) string {
	return indent(comment("#", scriptHint(access), runnerWaitHint)) + "  pre_build_script = '''\n" + access.Script + "'''\n"
}

// writeRunner writes lines to add to a runner that is registered already. It writes no
// [[runners]]: at the end of the file, that would be a second runner without a token.
func writeRunner(out io.Writer, access dind.Access) error {
	variables, mount := runnerLines(access)
	text := comment("#", servicesHint, overrides(access)) +
		"# Add these lines to config.toml directly below the [[runners]] of your runner. Anywhere else they have no effect.\n" + variables
	if mount != "" {
		text += "# Add these lines after all other lines of the same runner.\n" + mount
	}
	_, err := io.WriteString(out, text)
	return err
}

// writeHelm writes values of the gitlab-runner chart, which takes the table as a
// string and adds URL and token.
func writeHelm(out io.Writer, access dind.Access) error {
	variables, mount := runnerLines(access)
	table := comment("#", servicesHint, overrides(access)) + "[[runners]]\n" + variables + mount
	_, err := io.WriteString(out, "runners:\n  config: |\n"+indent(indent(table)))
	return err
}

// writeJenkins writes the block of a declarative pipeline. Groovy does not expand
// variables in single quotes.
func writeJenkins(out io.Writer, access dind.Access) error {
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\r", `\r`)
	var b strings.Builder
	b.WriteString("environment {\n" + indent(indent(comment("//", jenkinsComments(access)...))))
	for _, v := range access.Variables {
		fmt.Fprintf(&b, "    %s = '%s'\n", v.Name, quote.Replace(v.Value))
	}
	b.WriteString("}\n")
	if access.Replicas > 1 {
		b.WriteString(comment("//", scriptHint(access), "Add it to the environment of the stage that uses docker, which is inside of this one:") +
			commented("//", "DOCKER_HOST = sh(returnStdout: true, script: '''\n"+access.Script+"echo \"$DOCKER_HOST\"\n''').trim()\n"))
	} else {
		b.WriteString(comment("//", waitHint, "Make it the first step of the stage that uses docker:") + commented("//", "sh '''\n"+access.Script+"'''\n"))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func writeShell(out io.Writer, access dind.Access) error {
	var b strings.Builder
	b.WriteString(comment("#", shellComments(access)...))
	for _, v := range access.Variables {
		fmt.Fprintf(&b, "export %s='%s'\n", v.Name, strings.ReplaceAll(v.Value, `'`, `'\''`))
	}
	b.WriteString(comment("#", scriptHint(access), "Call it at the beginning of a job.") + "dindctl_wait() {\n" + indent(access.Script) + "}\n")
	_, err := io.WriteString(out, b.String())
	return err
}
