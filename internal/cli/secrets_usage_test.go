package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/dindctl/dindctl/internal/terminal"
)

// Usage errors do not repeat values, neither of options nor of variables.
func TestNoSecretInUsage(t *testing.T) {
	tests := map[string]struct {
		args []string
		env  map[string]string
	}{
		"a value without a name":         {args: []string{"--env", canary}},
		"a variable that is not set":     {args: []string{"--env", "ghp_4711", "--env", canary}},
		"an address as a name":           {args: []string{"--env", "http://jane:" + canary + "@proxy:3128"}},
		"an invalid name":                {args: []string{"--env", canary + "=x"}},
		"a zero byte":                    {args: []string{"--env", "A=" + canary + "\x00"}},
		"not UTF-8":                      {args: []string{"--env", "A=" + canary + "\xff"}},
		"a reserved name":                {args: []string{"--env", "DOCKER_HOST=" + canary}},
		"a variable twice":               {args: []string{"--env", "A=" + canary, "--env", "A=x"}},
		"the rest of a value":            {args: []string{"--env", "A=x", canary}},
		"two arguments after a value":    {args: []string{"--env", "A=x", "and", canary}},
		"an argument after --":           {args: []string{"--env", "A=x", "--", canary}},
		"an unknown option":              {args: []string{"--password", "x", canary}},
		"an unknown option with =":       {args: []string{"--password=" + canary}},
		"an argument that is not a flag": {args: []string{"--dockerd-arg", canary}},
		"a rejected flag":                {args: []string{"--dockerd-arg", "--registry-mirror=https://jane:" + canary + "@mirror"}},
		"a flag of TLS":                  {args: []string{"--dockerd-arg", "--tlskey=" + canary}},
		"a flag that is not UTF-8":       {args: []string{"--dockerd-arg", "--label=" + canary + "\xff"}},
		"a rejected short flag":          {args: []string{"--dockerd-arg", "-H" + canary}},
		"a mirror's login":               {args: []string{"--registry-mirror", "https://jane:" + canary + "@mirror"}},
		"a mirror's token":               {args: []string{"--registry-mirror", "https://" + canary + "@mirror"}},
		"a malformed mirror":             {args: []string{"--registry-mirror", "https://jane:" + canary + "%zz@mirror"}},
		"a mirror without a scheme":      {args: []string{"--registry-mirror", "jane:" + canary + "@mirror"}},
		"a mirror with a slash in it":    {args: []string{"--registry-mirror", "https://jane:x/" + canary + "@mirror"}},
		"an insecure registry's login":   {args: []string{"--insecure-registry", "jane:" + canary + "@registry:5000"}},
		"an image's login":               {args: []string{"--image", "jane:" + canary + "@registry/docker:29-dind"}},
		"an image's login, upper case":   {args: []string{"--image", "Jane:" + canary + "@registry/docker:29-dind"}},
		"credentials for a Secret":       {args: []string{"--image-pull-secret", "jane:" + canary}},
		"credentials for another Secret": {args: []string{"--env-from-secret", "TOKEN=" + canary}},
		"in variables": {env: map[string]string{
			"DINDCTL_ENV": canary + "\nA B=" + canary, "DINDCTL_DOCKERD_ARG": canary + "\n--host=" + canary, "DINDCTL_REGISTRY_MIRROR": "jane:" + canary + "@mirror",
			"DINDCTL_INSECURE_REGISTRY": "https://jane:" + canary + "@registry", "DINDCTL_IMAGE": "jane:" + canary + "@x/UPPER",
			"DINDCTL_IMAGE_PULL_SECRET": "jane:" + canary, "DINDCTL_ENV_FROM_SECRET": "A=" + canary,
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for _, command := range []string{"install", "check", "manifests"} {
				for _, output := range outputs {
					w := newWorld(t)
					for key, value := range test.env {
						w.env[key] = value
					}
					args := slices.Concat([]string{command}, output, test.args)
					code, stdout, stderr := w.run(t, args...)
					if code != exitUsage || len(w.connections) > 0 {
						t.Errorf("%q: code %d, %d connections", args, code, len(w.connections))
					}
					checkSilent(t, command+" "+strings.Join(output, " "), stdout, stderr)
				}
			}
		})
	}
}

// --env KEY copies the caller's variable, even if it is empty.
func TestEnvFromCaller(t *testing.T) {
	w := newWorld(t)
	w.env["HTTPS_PROXY"], w.env["EMPTY"] = "http://proxy:3128", ""
	code, stdout, stderr := w.run(t, "manifests", "--env", "HTTPS_PROXY", "--env", "EMPTY", "--env", "GIVEN=x")
	for _, want := range []string{"name: HTTPS_PROXY\n          value: http://proxy:3128\n", "name: EMPTY\n          value: \"\"\n", "name: GIVEN\n          value: x\n"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%d: no %q in:\n%s%s", code, want, stdout, stderr)
		}
	}
	code, _, stderr = w.run(t, "manifests", "--env", "NOWHERE")
	want := "error: invalid command line\n  --env \"NOWHERE\": is not set in your environment\n    Export it, or use --env NOWHERE=VALUE.\nnext: `dindctl manifests --help` lists the options\n"
	if code != exitUsage || stderr != want {
		t.Errorf("got %d\n%s", code, terminal.SanitizeLines(stderr))
	}
}
