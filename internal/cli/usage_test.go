package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// invalidLines are invalid command lines with the full error text.
var invalidLines = []struct {
	name string
	args string
	env  map[string]string
	want string // stderr
}{
	{"an unknown command", "instal", nil, `error: invalid command line
  command "instal": unknown command
    Did you mean ` + "`dindctl install`?" + `
next: ` + "`dindctl --help`" + ` lists the options
`},
	{"a command unlike any other", "frobnicate --with this", nil, `error: invalid command line
  command "frobnicate": unknown command
next: ` + "`dindctl --help`" + ` lists the options
`},
	{"an unknown option", "install --storage-sise 1Gi", nil, `error: invalid command line
  --storage-sise: unknown option
    Did you mean --storage-size?
next: ` + "`dindctl install --help`" + ` lists the options
`},
	{"an unknown option before the command", "--nope status", nil, `error: invalid command line
  --nope: unknown option
next: ` + "`dindctl --help`" + ` lists the options
`},
	{"an unknown letter", "status -x", nil, `error: invalid command line
  -x: unknown option
next: ` + "`dindctl status --help`" + ` lists the options
`},
	{"an option of another command", "status --storage-size=1Gi", nil, `error: invalid command line
  --storage-size: unknown option
next: ` + "`dindctl status --help`" + ` lists the options
`},
	{"a missing value", "install --name", nil, `error: invalid command line
  --name: needs a value
next: ` + "`dindctl install --help`" + ` lists the options
`},
	{"leftover arguments", "status docker-dind now", nil, `error: invalid command line
  argument "docker-dind now": is not expected
    dindctl commands accept only options.
next: ` + "`dindctl status --help`" + ` lists the options
`},
	{"a switch with a value", "install --no-wait=maybe", nil, `error: invalid command line
  --no-wait "maybe": must be true or false, or have no value
next: ` + "`dindctl install --help`" + ` lists the options
`},
	{"common options", "status --timeout soon -n Bad_Name --name 1st", nil, `error: invalid command line
  --timeout "soon": must be a positive duration
    For example, 90s or 10m.
  --namespace "Bad_Name": is not a valid namespace name
    Use at most 63 lowercase letters, digits and dashes.
  --name "1st": is not a valid Service name
    Use lowercase letters, digits and dashes, starting with a letter, for example docker-dind.
next: ` + "`dindctl status --help`" + ` lists the options
`},
	{"an unknown format", "status -o xml", nil, `error: invalid command line
  --output "xml": unknown format
    Use one of text, json, yaml, prometheus.
next: ` + "`dindctl status --help`" + ` lists the options
`},
	{"a zero timeout", "status --timeout 0s", nil, `error: invalid command line
  --timeout "0s": must be a positive duration
    For example, 90s or 10m.
next: ` + "`dindctl status --help`" + ` lists the options
`},
	{"an unknown format of env", "env --format toml", nil, `error: invalid command line
  --format "toml": unknown format
    Use one of github, gitlab, helm, jenkins, runner, shell.
next: ` + "`dindctl env --help`" + ` lists the options
`},
	{"in the environment", "status", map[string]string{"DINDCTL_TIMEOUT": "never"}, `error: invalid command line
  --timeout "never": must be a positive duration
    For example, 90s or 10m.
next: ` + "`dindctl status --help`" + ` lists the options
`},
	{"everything at once", "--timeout never install --nope --mtu many --storage-size=-1 --prune-schedule weekly leftover", nil, `error: invalid command line
  --nope: unknown option
  argument "leftover": is not expected
    dindctl commands accept only options.
  --timeout "never": must be a positive duration
    For example, 90s or 10m.
  --storage-size "-1": must be greater than zero
    Use a quantity, for example 100Gi.
  --mtu "many": is neither auto nor a number of bytes from 68 to 65535
    Omit it to use the MTU of the pod's network.
  --prune-schedule "weekly": is not a cron schedule (expected exactly 5 fields, found 1: [weekly])
    Use five fields, for example "0 0 * * 0" for Sundays at midnight, or none.
next: ` + "`dindctl install --help`" + ` lists the options
`},
}

func TestUsageErrors(t *testing.T) {
	for _, test := range invalidLines {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.env = test.env
			code, stdout, stderr := w.run(t, strings.Fields(test.args)...)
			if code != exitUsage || stdout != "" {
				t.Errorf("code %d, stdout %q", code, stdout)
			}
			if diff := cmp.Diff(test.want, stderr); diff != "" {
				t.Error(diff)
			}
			if len(w.connections) > 0 || len(w.Actions()) > 0 {
				t.Errorf("requests were sent: %v", w.Actions())
			}
		})
	}
}

// With -o json or yaml, an error is one document on stdout, even if the rest of the
// command line is invalid.
func TestUsageErrorsAsDocuments(t *testing.T) {
	type document struct{ Error failure }
	for _, test := range invalidLines {
		for _, as := range []string{"-o json", "-o yaml", "--output=json"} {
			if test.name == "an unknown format" || test.name == "a command unlike any other" {
				continue
			}
			t.Run(test.name+" "+as, func(t *testing.T) {
				w := newWorld(t)
				w.env = test.env
				code, stdout, stderr := w.run(t, strings.Fields(as+" "+test.args)...)
				var got document
				decode := json.Unmarshal
				if as == "-o yaml" {
					decode = func(data []byte, v any) error { return yaml.UnmarshalStrict(data, v) }
				}
				if err := decode([]byte(stdout), &got); err != nil {
					t.Fatalf("%v:\n%s", err, stdout)
				}
				if code != exitUsage || got.Error.Code != exitUsage || got.Error.Reason != "Usage" || stderr != "" {
					t.Errorf("code %d, stderr %q, %+v", code, stderr, got)
				}
				// The document contains the same as the text.
				text := "error: " + got.Error.Message + "\n"
				for _, problem := range got.Error.Problems {
					text += "  " + problem.Message + "\n"
					if problem.Hint != "" {
						text += "    " + problem.Hint + "\n"
					}
				}
				text += "next: " + got.Error.Hint + "\n"
				if diff := cmp.Diff(test.want, text); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestErrorFormatFromEnvironment(t *testing.T) {
	w := newWorld(t)
	w.env["DINDCTL_OUTPUT"] = "json"
	if code, stdout, _ := w.run(t, "instal"); code != exitUsage || !json.Valid([]byte(stdout)) {
		t.Errorf("got %d, %s", code, stdout)
	}
	if code, stdout, stderr := w.run(t, "instal", "-o", "text"); code != exitUsage || stdout != "" || stderr == "" {
		t.Errorf("got %d, %s", code, stdout)
	}
}
