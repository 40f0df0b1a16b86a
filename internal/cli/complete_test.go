package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/clustertest"
)

// complete returns the words that fit, without descriptions, and the last line.
func (w *world) complete(t *testing.T, words ...string) (found []string, last string) {
	t.Helper()
	code, stdout, stderr := w.run(t, append([]string{completeName}, words...)...)
	if code != exitDone || stderr != "" {
		t.Errorf("%q: code %d, stderr %q", words, code, stderr)
	}
	lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
	for _, line := range lines[:len(lines)-1] {
		word, _, _ := strings.Cut(line, "\t")
		found = append(found, word)
	}
	return found, lines[len(lines)-1]
}

func TestComplete(t *testing.T) {
	w := newWorld(t, append(defaultInstallation(t), clustertest.DefaultClass(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ci"}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "gitlab-jobs"}},
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "worker-1"}},
	)...)
	for _, test := range []struct {
		words []string
		want  []string
		files bool
	}{
		{[]string{"sta"}, []string{"status"}, false},
		{[]string{"-n", "ci", "un"}, []string{"uninstall"}, false},
		{[]string{"nonsense", "in"}, []string{"install"}, false},
		{[]string{"install", "--storage-c"}, []string{"--storage-class"}, false},
		{[]string{"status", "--st"}, nil, false},
		{[]string{"install", "value"}, nil, false},
		{[]string{"status", "-n", "g"}, []string{"gitlab-jobs"}, false},
		{[]string{"status", "--namespace=g"}, []string{"--namespace=gitlab-jobs"}, false},
		{[]string{"status", "--namespace", "=", "g"}, []string{"--namespace=gitlab-jobs"}, false},
		{[]string{"--namespace", "=", "ci", "status", "--name", ""}, []string{"docker-dind"}, false},
		{[]string{"verify", "--from", `""`}, []string{"ci", "gitlab-jobs"}, false},
		{[]string{"install", "--storage-class", ""}, []string{"standard"}, false},
		{[]string{"install", "--adopt", "--local-node", ""}, []string{"worker-1"}, false},
		{[]string{"install", "--existing-claim", ""}, []string{"docker-dind-data"}, false},
		{[]string{"install", "--mtu", ""}, nil, false},
		{[]string{"install", "-f", ""}, nil, true},
		{[]string{"env", "--format", "he"}, []string{"helm"}, false},
		{[]string{"status", "-o", "j"}, []string{"json"}, false},
		{[]string{"completion", "b"}, []string{"bash"}, false},
		{[]string{"docker", "--", "build", ""}, nil, true},
	} {
		t.Run(strings.Join(test.words, " "), func(t *testing.T) {
			want := map[bool]string{false: ":4", true: ":0"}[test.files]
			found, last := w.complete(t, test.words...)
			if diff := cmp.Diff(test.want, found); diff != "" || last != want {
				t.Errorf("last %q\n%s", last, diff)
			}
		})
	}
	if found, _ := w.complete(t); len(found) != len(w.app("dindctl").Commands) {
		t.Errorf("commands: %q", found)
	}
	if code, stdout, _ := w.runUnder(t.Context(), "/usr/local/bin/"+completePlugin, "status", "-o", "j"); code != exitDone || stdout != "json\n:4\n" {
		t.Errorf("for kubectl: code %d, stdout %q", code, stdout)
	}
}

// Without a cluster nothing fits, and nothing is said.
func TestCompleteWithoutCluster(t *testing.T) {
	w := newWorld(t)
	w.PrependReactor("list", "*", func(ktesting.Action) (bool, runtime.Object, error) { return true, nil, errDown })
	if found, last := w.complete(t, "status", "-n", ""); found != nil || last != ":4" {
		t.Errorf("got %q, %q", found, last)
	}
}

func TestCompletionScripts(t *testing.T) {
	w := newWorld(t)
	for _, shell := range shells {
		code, stdout, stderr := w.run(t, "completion", shell)
		if code != exitDone || stderr != "" || !strings.Contains(stdout, "dindctl "+completeName+" ") {
			t.Errorf("%s: code %d, stderr %q\n%s", shell, code, stderr, stdout)
		}
	}
	for _, args := range [][]string{{"completion"}, {"completion", "tcsh"}, {"completion", "bash", "zsh"}} {
		if code, stdout, stderr := w.run(t, args...); code != exitUsage || stdout != "" || !strings.Contains(stderr, "Use one of bash, fish, powershell, zsh.") {
			t.Errorf("%q: code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
}

// The script of bash asks for the words up to the cursor, and its replies fit readline,
// for which = ends a word.
func TestCompletionInBash(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash")
	}
	directory := t.TempDir()
	stub := "#!/bin/sh\nshift\nprintf '<%s>' \"$@\" >&2\nprintf -- '--name=one\\tThe first.\\n--name=two\\n:4\\n'\n"
	if err := os.WriteFile(filepath.Join(directory, "dindctl"), []byte(strings.Replace(stub, ">&2", ">"+directory+"/words", 1)), 0o755); err != nil {
		t.Fatal(err)
	}
	script, err := completionScripts.ReadFile("completion/bash")
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		`COMP_WORDS=(dindctl status --name = "") COMP_CWORD=4`:    "<status><--name><=><>|one two",
		`COMP_WORDS=(dindctl status --na later) COMP_CWORD=2`:     "<status><--na>|--name=one --name=two",
		`COMP_WORDS=(dindctl status -n ci --name =) COMP_CWORD=5`: "<status><-n><ci><--name><=>|one two",
	} {
		command := exec.Command(bash, "-c", string(script)+line+"\n_dindctl\n"+`echo "$(cat `+directory+`/words)|${COMPREPLY[*]}"`)
		command.Env = append(os.Environ(), "PATH="+directory+":"+os.Getenv("PATH"))
		out, err := command.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", line, got, err, want)
		}
	}
}
