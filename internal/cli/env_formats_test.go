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

// readers read what a format writes as its own reader does: variables, and the
// Secret's mount where the format can express one.
var readers = map[string]func(text string, names []string) (map[string]string, *dind.SecretMount, error){
	"gitlab": func(text string, _ []string) (map[string]string, *dind.SecretMount, error) {
		found, err := readYAMLMap(text, "variables")
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
	"runner": func(text string, _ []string) (map[string]string, *dind.SecretMount, error) { return readRunner(text) },
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
		return nil, fmt.Errorf("%d keys beside %q: %w", len(found), key, err)
	}
	return found[key], err
}

func readRunner(text string) (map[string]string, *dind.SecretMount, error) {
	var config struct {
		Runners []struct {
			Environment []string
			Kubernetes  struct {
				Volumes struct {
					Secret []struct {
						Name      string
						MountPath string `toml:"mount_path"`
						ReadOnly  bool   `toml:"read_only"`
					}
				}
			}
		}
	}
	meta, err := toml.Decode(text, &config)
	if err != nil || len(meta.Undecoded()) > 0 || len(config.Runners) != 1 {
		return nil, nil, fmt.Errorf("unknown keys %v, %d runners: %w", meta.Undecoded(), len(config.Runners), err)
	}
	found := map[string]string{}
	for _, pair := range config.Runners[0].Environment {
		name, value, _ := strings.Cut(pair, "=")
		found[name] = value
	}
	var mount *dind.SecretMount
	for _, secret := range config.Runners[0].Kubernetes.Volumes.Secret {
		if mount != nil || !secret.ReadOnly {
			return nil, nil, fmt.Errorf("more than one Secret, or one to write to: %+v", secret)
		}
		mount = &dind.SecretMount{Secret: secret.Name, Path: secret.MountPath}
	}
	return found, mount, nil
}

// readShell has a shell check the lines, run them, and hand over the variables
// as a process that it starts sees them.
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

// readJenkins reads the part of Groovy that the block may consist of: comments
// to the end of a line, names, and strings in single quotes with their escapes
// (https://groovy-lang.org/syntax.html#_single_quoted_string). No parser of
// Groovy exists in Go.
func readJenkins(text string) (map[string]string, error) {
	rest, opened := strings.CutPrefix(text, "environment {\n")
	rest, closed := strings.CutSuffix(rest, "}\n")
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

// groovyString reads up to the closing quote and gives what comes after it.
func groovyString(text string) (value, rest string, err error) {
	escapes := map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', '\\': '\\', '\'': '\'', '"': '"', '$': '$'}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '\'':
			return b.String(), text[i+1:], nil
		case '\n', '\r':
			return "", "", fmt.Errorf("a string ends with its line: %q", text)
		case '\\':
			i++
			if i == len(text) || escapes[text[i]] == 0 {
				return "", "", fmt.Errorf("no such escape in %q", text)
			}
			b.WriteByte(escapes[text[i]])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", fmt.Errorf("a string without an end: %q", text)
}

// What is pasted is read by programs: they must see the variables, whatever the
// installation is called, and the mount that certificates need.
func TestFormatsAreRead(t *testing.T) {
	named := func(namespace, name string) dind.Access {
		return dind.AccessTo(namespace, name, false)
	}
	tests := map[string]dind.Access{
		"as usual":            named("ci", "docker-dind"),
		"one letter":          named("a", "b"),
		"a namespace of YAML": named("true", "null"),
		"a number":            named("0", "n"),
		"a power":             named("1e3", "e3"),
		"the longest":         named(strings.Repeat("n", 63), strings.Repeat("i", 40)),
		"dashes":              named("a--b-0", "c---d"),
		"certificates":        dind.AccessTo("ci", "docker-dind", true),
		"what no name can hold": {Variables: []dind.Variable{
			{Name: "QUOTES", Value: `it's "quoted" \ and \n`}, {Name: "LINES", Value: "one\ntwo: three\r\n"}, {Name: "COMMENT", Value: " # // ' "},
			{Name: "DOLLARS", Value: "$HOME ${HOME} $$ `id` ${{ secrets.X }}"}, {Name: "TYPE", Value: "1"}, {Name: "NO", Value: "no"}, {Name: "ODD", Value: "<&>\té"},
		}},
	}
	for format, write := range envFormats {
		for name, access := range tests {
			t.Run(format+"/"+name, func(t *testing.T) {
				var text strings.Builder
				if err := write(&text, access); err != nil {
					t.Fatal(err)
				}
				want := map[string]string{}
				var names []string
				for _, v := range access.Variables {
					want[v.Name], names = v.Value, append(names, v.Name)
				}
				got, mount, err := readers[format](text.String(), names)
				if err != nil {
					t.Fatalf("%v\n%s", err, text.String())
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s\n%s", diff, text.String())
				}
				if !strings.Contains(text.String(), servicesHint) {
					t.Errorf("nothing says to remove the service:\n%s", text.String())
				}
				// Where the format has no place for a mount, it says so.
				if mount == nil && access.Certificates != nil && !strings.Contains(text.String(), "Secret "+access.Certificates.Secret) {
					t.Errorf("nothing says what to mount:\n%s", text.String())
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

// install prints what can be put into a file of variables as it is.
func TestInstallPrintsNothingElse(t *testing.T) {
	var text strings.Builder
	if err := writeVariables(&text, dind.Variables("ci", "docker-dind", false)); err != nil {
		t.Fatal(err)
	}
	want := "variables:\n  DOCKER_HOST: tcp://docker-dind.ci.svc:2375\n  DOCKER_TLS_CERTDIR: \"\"\n"
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Error(diff)
	}
}
