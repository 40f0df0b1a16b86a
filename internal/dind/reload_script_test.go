package dind

import (
	"bufio"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// The daemon reads its configuration again only if it has changed since it started, and
// with what limits.sh has added.
func TestReloadScript(t *testing.T) {
	// If this process ignores the signal, for example because of nohup, so would its children.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(signals) })
	for _, test := range []struct {
		name, configured, now, edit, want string
		again                             bool
	}{
		{"unchanged", "a\n", "a\n", "s/a/b/\n", "", false},
		{"changed", "a\n", "a c\n", "s/a/b/\n", "b c\n", true},
		{"no limits", "a\n", "a c\n", "", "", true},
		{"before the start", "", "a\n", "", "", false},
	} {
		for name, shell := range shells(t) {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := newBox(t)
				for file, text := range map[string]string{
					"etc/dindctl/daemon.json": test.now, "run/dindctl/configured": test.configured, "run/dindctl/edit": test.edit,
				} {
					b.write(file, text)
				}
				daemon := exec.Command("sh", "-c", `trap 'echo again; exit' HUP; echo ready; while true; do sleep 0.05; done`)
				pipe, err := daemon.StdoutPipe()
				if err == nil {
					err = daemon.Start()
				}
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = daemon.Wait() }()
				defer func() { _ = daemon.Process.Kill() }()
				said := bufio.NewScanner(pipe)
				said.Scan() // ready
				script := "say() { echo \"$*\"; }\ndaemon=" + strconv.Itoa(daemon.Process.Pid) + "\n"
				got := b.run(shell, nil, "-c", script+b.move(commented()["reload.sh"])+"\nreload\nreload\n")
				if again := strings.Count(got.stdout, "reads its configuration again"); got.code != 0 || again > 1 || (again == 1) != test.again {
					t.Errorf("got %+v", got)
				}
				if made := b.read("run/dindctl/daemon.json"); made != test.want {
					t.Errorf("the daemon's configuration is %q", made)
				}
				if test.again && (!said.Scan() || said.Text() != "again") {
					t.Error("the daemon got no signal")
				}
			})
		}
	}
}
