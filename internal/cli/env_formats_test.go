package cli

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/dindctl/dindctl/internal/dind"
)

// waitScript is the script of the installations in these tests.
const waitScript = "# wait\nif [ -z '' ]; then\n  :\nfi\n"

// readers parse the output of each format as the program it is meant for does.
// They return the variables, and the mount of the Secret if the format has one.
var readers = map[string]func(text string, names []string) (map[string]string, *dind.SecretMount, error){
	"gitlab": func(text string, _ []string) (map[string]string, *dind.SecretMount, error) {
		// A hidden job follows, whose lines other jobs reference.
		text, script, _ := strings.Cut(text, "# "+waitHint)
		found, err := readYAMLMap(text, "variables")
		var job map[string]struct {
			Lines []string `json:"before_script"`
		}
		if err == nil {
			err = yaml.UnmarshalStrict([]byte("#"+script), &job)
		}
		if err == nil && (len(job[".dindctl"].Lines) != 1 || job[".dindctl"].Lines[0] != waitScript) {
			err = fmt.Errorf("the script is %q", job)
		}
		for name, value := range found {
			found[name] = strings.ReplaceAll(value, "$$", "$")
		}
		return found, nil, err
	},
	"github": func(text string, _ []string) (map[string]string, *dind.SecretMount, error) {
		found, err := readYAMLMap(text, "env")
		for name, value := range found {
			found[name] = strings.ReplaceAll(value, "${{ '${{' }}", "${{")
		}
		return found, nil, err
	},
	"runner": func(text string, _ []string) (map[string]string, *dind.SecretMount, error) { return readPasted(text) },
	"helm": func(text string, _ []string) (map[string]string, *dind.SecretMount, error) {
		var values struct{ Runners struct{ Config string } }
		if err := yaml.UnmarshalStrict([]byte(text), &values); err != nil {
			return nil, nil, err
		}
		return readRunner(values.Runners.Config)
	},
	"jenkins": func(text string, _ []string) (map[string]string, *dind.SecretMount, error) {
		found, err := readJenkins(text)
		return found, nil, err
	},
	"shell": func(text string, names []string) (map[string]string, *dind.SecretMount, error) {
		found, err := readShell(text, names)
		return found, nil, err
	},
}

func readYAMLMap(text, key string) (map[string]string, error) {
	var found map[string]map[string]string
	err := yaml.UnmarshalStrict([]byte(text), &found)
	if len(found) != 1 {
		return nil, fmt.Errorf("%d keys, want only %q: %w", len(found), key, err)
	}
	return found[key], err
}

// readPasted reads a config.toml as `gitlab-runner register` writes it, with the lines
// where their comments say.
func readPasted(text string) (map[string]string, *dind.SecretMount, error) {
	if strings.Contains(text, "[[runners]]\n") {
		return nil, nil, fmt.Errorf("a second runner: %q", text)
	}
	variables, mount, _ := strings.Cut(text, "# Add these lines after")
	return readRunner("[[runners]]\n" + variables + "  [runners.kubernetes]\n# " + mount)
}

func readRunner(text string) (map[string]string, *dind.SecretMount, error) {
	var config struct {
		Runners []struct {
			Environment    []string
			PreBuildScript string `toml:"pre_build_script"`
			Kubernetes     struct {
				Volumes struct {
					Secret []struct {
						Name      string
						MountPath string `toml:"mount_path"`
						ReadOnly  bool   `toml:"read_only"`
						Items     map[string]string
					}
				}
			}
		}
	}
	meta, err := toml.Decode(text, &config)
	if err != nil || len(meta.Undecoded()) > 0 || len(config.Runners) != 1 {
		return nil, nil, fmt.Errorf("unknown keys %v, %d runners: %w", meta.Undecoded(), len(config.Runners), err)
	}
	if script := config.Runners[0].PreBuildScript; script != waitScript {
		return nil, nil, fmt.Errorf("the script is %q", script)
	}
	found := map[string]string{}
	for _, pair := range config.Runners[0].Environment {
		name, value, _ := strings.Cut(pair, "=")
		found[name] = value
	}
	var mount *dind.SecretMount
	for _, secret := range config.Runners[0].Kubernetes.Volumes.Secret {
		if mount != nil || !secret.ReadOnly {
			return nil, nil, fmt.Errorf("more than one Secret, or a writable one: %+v", secret)
		}
		mount = &dind.SecretMount{Secret: dind.CertificateSecret{Name: secret.Name, Given: len(secret.Items) > 0}, Path: secret.MountPath}
		for _, k := range mount.Secret.Keys() {
			if mount.Secret.Given && secret.Items[k.Key] != k.File {
				return nil, nil, fmt.Errorf("items %v", secret.Items)
			}
		}
	}
	return found, mount, nil
}

// readShell checks the syntax with a shell, runs the lines, and returns the
// variables as a child process sees them.
func readShell(text string, names []string) (map[string]string, error) {
	if out, err := exec.Command("sh", "-n", "-c", text).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w", out, err)
	}
	found := map[string]string{}
	for _, name := range names {
		out, err := exec.Command("env", "-i", "sh", "-eu", "-c", text+"sh -c 'printf %s \"$"+name+"\"'").CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", out, err)
		}
		found[name] = string(out)
	}
	return found, nil
}

// readJenkins parses the subset of Groovy that the block uses: line comments,
// names, and strings in single quotes with escapes
// (https://groovy-lang.org/syntax.html#_single_quoted_string). There is no Groovy
// parser for Go.
func readJenkins(text string) (map[string]string, error) {
	rest, opened := strings.CutPrefix(text, "environment {\n")
	// What follows are comments.
	rest, _, closed := strings.Cut(rest, "\n}\n")
	rest += "\n"
	if !opened || !closed {
		return nil, fmt.Errorf("not a block: %q", text)
	}
	found := map[string]string{}
	for rest = strings.TrimLeft(rest, " \n"); rest != ""; rest = strings.TrimLeft(rest, " \n") {
		if strings.HasPrefix(rest, "//") {
			_, rest, _ = strings.Cut(rest, "\n")
			continue
		}
		name, after, ok := strings.Cut(rest, " = '")
		if !ok || strings.ContainsAny(name, " \n'") {
			return nil, fmt.Errorf("not an assignment: %q", rest)
		}
		value, left, err := groovyString(after)
		if err != nil || !strings.HasPrefix(left, "\n") {
			return nil, fmt.Errorf("after the value of %s: %q: %w", name, left, err)
		}
		found[name], rest = value, left
	}
	return found, nil
}

// groovyString parses up to the closing quote and returns the text after it.
func groovyString(text string) (value, rest string, err error) {
	escapes := map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', '\\': '\\', '\'': '\'', '"': '"', '$': '$'}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '\'':
			return b.String(), text[i+1:], nil
		case '\n', '\r':
			return "", "", fmt.Errorf("unterminated string at the end of a line: %q", text)
		case '\\':
			i++
			if i == len(text) || escapes[text[i]] == 0 {
				return "", "", fmt.Errorf("unknown escape in %q", text)
			}
			b.WriteByte(escapes[text[i]])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", fmt.Errorf("unterminated string: %q", text)
}

// The programs that read the output must see the variables, for any name of the
// installation, and the mount for the certificates.
func TestFormatsCanBeRead(t *testing.T) {
	named := func(namespace, name string) dind.Access {
		return dind.AccessTo(dind.Options{Namespace: namespace, Name: name})
	}
	tests := map[string]dind.Access{
		"defaults":          named("ci", "docker-dind"),
		"one letter":        named("a", "b"),
		"YAML keywords":     named("true", "null"),
		"a number":          named("0", "n"),
		"an exponent":       named("1e3", "e3"),
		"the longest names": named(strings.Repeat("n", 63), strings.Repeat("i", 40)),
		"dashes":            named("a--b-0", "c---d"),
		"given Secrets":     dind.AccessTo(dind.Options{Namespace: "ci", Name: "d", TLS: true, TLSSecret: "s", TLSClientSecret: "c"}),
		"certificates":      dind.AccessTo(dind.Options{Namespace: "ci", Name: "docker-dind", TLS: true, PublishPorts: "20000-29999"}),
		"special characters": {Variables: []dind.Variable{
			{Name: "QUOTES", Value: `it's "quoted" \ and \n`}, {Name: "LINES", Value: "one\ntwo: three\r\n"}, {Name: "COMMENT", Value: " # // ' "},
			{Name: "DOLLARS", Value: "$HOME ${HOME} $$ `id` ${{ secrets.X }}"}, {Name: "TYPE", Value: "1"}, {Name: "NO", Value: "no"}, {Name: "ODD", Value: "<&>\té"},
		}},
	}
	for format, write := range envFormats {
		for name, access := range tests {
			t.Run(format+"/"+name, func(t *testing.T) {
				access.Script = waitScript
				var text strings.Builder
				if err := write(&text, access); err != nil {
					t.Fatal(err)
				}
				want := map[string]string{}
				var names []string
				for _, v := range access.Variables {
					want[v.Name], names = v.Value, append(names, v.Name)
				}
				if format == "gitlab" {
					want["COMPOSE_PROJECT_NAME"] = "job-$CI_JOB_ID"
				}
				got, mount, err := readers[format](text.String(), names)
				if err != nil {
					t.Fatalf("%v\n%s", err, text.String())
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s\n%s", diff, text.String())
				}
				if !strings.Contains(text.String(), servicesHint) {
					t.Errorf("the output does not say to remove the service:\n%s", text.String())
				}
				// Formats without a place for the mount mention it in a comment.
				if mount == nil && access.Certificates != nil && !strings.Contains(text.String(), "Secret "+access.Certificates.Secret.Name) {
					t.Errorf("the output does not say what to mount:\n%s", text.String())
				}
				if mount != nil {
					if diff := cmp.Diff(access.Certificates, mount); diff != "" {
						t.Error(diff)
					}
				}
			})
		}
	}
}

// The output of install can be redirected into a file of variables.
func TestInstallPrintsOnlyVariables(t *testing.T) {
	var text strings.Builder
	if err := writeVariables(&text, dind.AccessTo(dind.Options{Namespace: "ci", Name: "docker-dind"}).Variables); err != nil {
		t.Fatal(err)
	}
	want := "variables:\n  DOCKER_HOST: tcp://docker-dind.ci.svc:2375\n  DOCKER_TLS_CERTDIR: \"\"\n"
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Error(diff)
	}
}
