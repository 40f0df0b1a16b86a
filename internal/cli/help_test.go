package cli

import (
	"strings"
	"testing"
)

func TestHelp(t *testing.T) {
	w := newWorld(t)
	for _, command := range append([]string{""}, commandNames(w)...) {
		t.Run("dindctl "+command, func(t *testing.T) {
			args := strings.Fields(command)
			code, stdout, stderr := w.run(t, append(args, "--help")...)
			if code != 0 || stderr != "" {
				t.Errorf("code %d, stderr %q", code, stderr)
			}
			name := "help"
			if command != "" {
				name += "-" + command
			}
			golden(t, name, stdout)
			if _, short, _ := w.run(t, append(args, "-h")...); short != stdout {
				t.Error("-h and --help differ")
			}
			for n, line := range strings.Split(stdout, "\n") {
				if len([]rune(line)) > 132 {
					t.Errorf("line %d is %d characters wide: %s", n+1, len([]rune(line)), line)
				}
			}
		})
	}
	if len(w.connections) > 0 {
		t.Error("help connects to the cluster")
	}
}

func commandNames(w *world) (names []string) {
	for _, command := range w.app("dindctl").Commands {
		names = append(names, command.Name)
	}
	return names
}

// Without a command, dindctl prints its help.
func TestNoCommand(t *testing.T) {
	w := newWorld(t)
	code, stdout, stderr := w.run(t)
	if code != 0 || stderr != "" {
		t.Errorf("code %d, stderr %q", code, stderr)
	}
	golden(t, "help", stdout)
}

// kubectl finds plugins by their file name; users type it with a space.
func TestAsKubectlPlugin(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"kubectl-dindctl", "/usr/local/bin/kubectl-dindctl"} {
		_, stdout, _ := w.runUnder(t.Context(), name, "status", "--help")
		if !strings.Contains(stdout, "\n  kubectl dindctl status [options]\n") {
			t.Errorf("%s: got %s", name, stdout)
		}
		_, stdout, _ = w.runUnder(t.Context(), name)
		if !strings.HasPrefix(stdout, "kubectl dindctl: ") || !strings.Contains(stdout, "`kubectl dindctl COMMAND --help`") {
			t.Errorf("%s: got %s", name, stdout)
		}
		code, _, stderr := w.runUnder(t.Context(), name, "install", "--nope")
		if code != exitUsage || !strings.HasSuffix(stderr, "next: `kubectl dindctl install --help` lists the options\n") {
			t.Errorf("%s: got %d, %s", name, code, stderr)
		}
	}
}

func TestVersion(t *testing.T) {
	w := newWorld(t)
	for _, args := range [][]string{{"--version"}, {"--no-color", "--version"}} {
		code, stdout, stderr := w.run(t, args...)
		if code != 0 || stdout != "dindctl "+Version()+"\n" || stderr != "" {
			t.Errorf("%q: got %d, %q, %q", args, code, stdout, stderr)
		}
	}
	if Version() == "" {
		t.Error("the version is empty")
	}
}

// Every option is documented, and no command has an option twice.
func TestOptions(t *testing.T) {
	w := newWorld(t)
	for _, command := range w.app("dindctl").Commands {
		seen := map[string]bool{}
		for _, flag := range command.Flags {
			group, row := helpRow(flag)
			if group == "" || row.Text == "" {
				t.Errorf("%s --%s has no group or no text", command.Name, flag.Names()[0])
			}
			for _, name := range flag.Names() {
				if seen[name] {
					t.Errorf("%s has two options %s", command.Name, name)
				}
				seen[name] = true
			}
		}
		for _, name := range []string{"namespace", "n", "name", "kubeconfig", "context", "timeout", "output", "o"} {
			if !seen[name] {
				t.Errorf("%s has no option %s", command.Name, name)
			}
		}
	}
}
