//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// On a terminal, stderr shows a spinner and stdout is free of it, and the
// cursor is always visible in the end. Options and the environment switch off
// colours, the spinner or all output.
func TestOnATerminal(t *testing.T) {
	t.Parallel()
	i := newInstallation(t, env.newest())
	line := i.command("install", i.installOptions("--create-namespace")...)
	tests := []struct {
		name             string // the order matters: only the first run has to wait
		variables        []string
		options          []string
		spinner, colours bool
		shows            string
	}{
		{"a terminal", nil, nil, true, true, "✓"},
		{"NO_COLOR", []string{"NO_COLOR=1"}, nil, true, false, "✓ Pod"},
		{"--no-color", nil, []string{"--no-color"}, true, false, "✓ Pod"},
		{"CI", []string{"CI=true"}, nil, false, true, "Pod: "},
		{"TERM=dumb", []string{"TERM=dumb"}, nil, false, false, "Pod: "},
		{"-v", nil, []string{"-v"}, false, true, "Pod ..."},
		{"-q", nil, []string{"-q"}, false, false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, screen := onTerminal(t, tt.variables, append(line, tt.options...)...)
			r.want(t, done)
			variablesOf(t, r)
			if strings.Contains(r.stdout, "\x1b") {
				t.Errorf("stdout contains control sequences: %q", r.stdout)
			}
			if !strings.Contains(screen, tt.shows) || tt.shows == "" && screen != "" {
				t.Errorf("the screen does not show %q: %q", tt.shows, screen)
			}
			if has := strings.ContainsAny(screen, "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"); has != tt.spinner {
				t.Errorf("a spinner: %v, want %v: %q", has, tt.spinner, screen)
			}
			if has := strings.Contains(screen, "\x1b[3"); has && !tt.colours {
				t.Errorf("colours: %q", screen)
			}
			if hidden := strings.LastIndex(screen, "\x1b[?25l"); hidden > strings.LastIndex(screen, "\x1b[?25h") {
				t.Errorf("the cursor is still hidden: %q", screen)
			}
		})
	}
	succeed(t, i.command("uninstall")...)
	for _, name := range []string{"status", "prune-now"} {
		r, screen := onTerminal(t, nil, i.command(name, "-o", "yaml")...)
		r.want(t, notInstalled)
		if failure := decode[map[string]map[string]any](t, r); failure["error"]["code"] == nil {
			t.Errorf("%s: no error in the document: %s", name, r.stdout)
		}
		if strings.Contains(screen, "\x1b[?25l") {
			t.Errorf("%s hides the cursor: %q", name, screen)
		}
	}
}

// Without a terminal, -q prints only the result and warnings.
func TestQuietAndYAML(t *testing.T) {
	t.Parallel()
	i := newInstallation(t, env.newest())
	r := succeed(t, i.command("install", i.installOptions("--create-namespace", "--no-wait", "-o", "yaml")...)...)
	outcome := decode[installed](t, r)
	equal(t, "changes", outcome.changes(), []string{"created"})
	if outcome.Daemon != nil {
		t.Errorf("--no-wait does not verify the daemon, but reports one: %v", outcome.Daemon)
	}
	for _, name := range []string{"install", "status", "env", "prune-now"} {
		options := []string{"-q"}
		if name == "install" {
			options = i.installOptions("-q")
		}
		r := succeed(t, i.command(name, options...)...)
		if r.stderr != "" || r.stdout == "" {
			t.Errorf("%s -q: stdout %q, stderr %q", name, r.stdout, r.stderr)
		}
		var document any
		r = dindctl(t, append(i.command(name, options...), "-o", "yaml", "--as", "e2e-nobody")...).want(t, failed)
		if err := yaml.UnmarshalStrict([]byte(r.stdout), &document); err != nil || r.stderr != "" {
			t.Errorf("%s -o yaml of a failure: %v\nstdout %s\nstderr %s", name, err, r.stdout, r.stderr)
		}
	}
}

// uninstall --delete-data asks for the installation's name. It refuses without
// a terminal, and any other answer aborts it.
func TestDeletingDataIsConfirmed(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest())
	i.settle(t)
	before := i.objects(t)
	line := i.command("uninstall", "--delete-data")

	dindctl(t, line...).want(t, usage).says(t, "--yes")
	equal(t, "objects without a terminal", i.objects(t), before)
	for _, answer := range []string{"y", "yes", "", "docker"} {
		r, screen := answering(t, "to continue:", answer+"\n", line...)
		r.want(t, failed)
		if !strings.Contains(screen, "nothing was changed") {
			t.Errorf("after the answer %q: %q", answer, screen)
		}
	}
	r, _ := answering(t, "to continue:", "\x03", line...)
	r.want(t, interrupted)
	equal(t, "objects after other answers", i.objects(t), before)
	r, _ = answering(t, "to continue:", i.name+"\n", line...)
	r.want(t, done)
	equal(t, "remaining objects", i.leftOver(t), nil)
}
