package dind

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// shells returns the shells that run the scripts in images: dash, as in Debian images,
// and BusyBox ash, as in Alpine images.
func shells(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for name, command := range map[string][]string{"sh": {"sh"}, "dash": {"dash"}, "ash": {"busybox", "ash"}} {
		path, err := exec.LookPath(command[0])
		if err != nil {
			t.Fatalf("the scripts are tested with dash and with BusyBox: apt-get install dash busybox (%v)", err)
		}
		found[name] = append([]string{path}, command[1:]...)
	}
	return found
}

// jobShells returns the shells of jobs.
func jobShells(t *testing.T) map[string][]string {
	t.Helper()
	found := shells(t)
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	found["bash"] = []string{bash}
	return found
}

// jobOptions are the options that GitLab sets in a job's shell, and -u.
const jobOptions = "set -eu; case ${BASH_VERSION:-} in ?*) set -o pipefail ;; esac\n"

// box is a directory with the files that a script reads and writes, and stubs for the
// programs that it calls.
type box struct {
	t    *testing.T
	root string
}

func newBox(t *testing.T) box {
	b := box{t: t, root: t.TempDir()}
	b.write("dev/termination-log", "")
	b.write("tmp/keep", "")
	b.write("bin/keep", "")
	return b
}

func (b box) write(name, text string) {
	b.t.Helper()
	path := filepath.Join(b.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		b.t.Fatal(err)
	}
}

func (b box) read(name string) string {
	text, _ := os.ReadFile(filepath.Join(b.root, name))
	return string(text)
}

// stub adds a program to the PATH. It records its arguments in the file calls.
func (b box) stub(name, body string) {
	b.write("bin/"+name, fmt.Sprintf("#!/bin/sh\necho \"%s $*\" >>%s/calls\n%s\n", name, b.root, body))
}

type outcome struct {
	code           int
	stdout, stderr string
	calls          []string
}

// move changes the script's absolute paths to paths in the box, and removes its delays.
func (b box) move(script string) string {
	var moves []string
	for _, path := range []string{"/proc/", "/sys/", "/dev/termination-log", "/tmp/", "/var/run/", "/run/", "/var/lib/", "/etc/dindctl/", "/etc/docker/", "/etc/hosts", "/etc/resolv.conf"} {
		moves = append(moves, path, b.root+path)
	}
	script = strings.NewReplacer(moves...).Replace(script)
	script = regexp.MustCompile(`sleep [0-9.]+`).ReplaceAllString(script, "sleep 0")
	// BusyBox prefers its built-in stat, date and du to the PATH.
	return regexp.MustCompile(`(\(|\(timeout 300 )(stat|date|du) `).ReplaceAllString(script, "${1}"+b.root+"/bin/$2 ")
}

// runFile runs a script of the ConfigMap as the container does. It does not overwrite
// scripts that the box already has. With sh the scripts keep their comments.
func (b box) runFile(shell []string, name string, env []string, args ...string) outcome {
	b.t.Helper()
	files := scripts()
	if filepath.Base(shell[0]) == "sh" {
		files = commented()
	}
	for key, script := range files {
		if b.read("etc/dindctl/"+key) == "" {
			b.write("etc/dindctl/"+key, b.move(script))
		}
	}
	return b.run(shell, env, append([]string{filepath.Join(b.root, "etc/dindctl", name)}, args...)...)
}

// runText runs a script.
func (b box) runText(shell []string, script string, env []string) outcome {
	b.t.Helper()
	return b.run(shell, env, "-c", b.move(script))
}

// run runs a shell. BusyBox ash runs with the programs of BusyBox, as in Alpine.
func (b box) run(shell []string, env []string, args ...string) outcome {
	b.t.Helper()
	if len(shell) > 1 {
		for _, applet := range []string{"awk", "cat", "cp", "cut", "date", "grep", "hostname", "mkdir", "mv", "nc", "paste", "readlink", "sed", "sleep", "sort", "stat", "tail", "timeout", "touch", "tr", "uniq", "wget", "xargs"} {
			if err := os.Symlink(shell[0], filepath.Join(b.root, "bin", applet)); err != nil && !errors.Is(err, os.ErrExist) {
				b.t.Fatal(err)
			}
		}
	}
	ctx, cancel := context.WithTimeout(b.t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, shell[0], append(shell[1:len(shell):len(shell)], args...)...)
	cmd.Env = append(env, "PATH="+b.root+"/bin:"+os.Getenv("PATH"))
	cmd.WaitDelay = time.Minute
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		b.t.Fatal(err)
	}
	return outcome{
		code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String(),
		calls: strings.Split(strings.TrimSpace(b.read("calls")), "\n"),
	}
}

// Kubernetes expands $$ and $(NAME) in commands.
func TestVerifyScriptSurvivesKubernetes(t *testing.T) {
	if strings.Contains(verifyScript, "$$") {
		t.Error("Kubernetes replaces $$ by $")
	}
	if found := regexp.MustCompile(`\$\([A-Za-z0-9_.-]+\)`).FindString(verifyScript); found != "" {
		t.Errorf("Kubernetes replaces %s if there is a variable of that name", found)
	}
}

// Removing comments does not change what a script does.
func TestScriptsWithoutComments(t *testing.T) {
	if got, want := commentLine.ReplaceAllString("# one\n\na # two\n  # three\n\tb\n \n#\n", ""), "a # two\n\tb\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	data := plan{Options: Defaults()}.configData()
	for name, script := range data {
		if strings.Contains(script, "<<") {
			t.Errorf("%s has a here-document, which may lose lines", name)
		}
		if strings.Contains(script, "\t") {
			t.Errorf("%s contains a tab, which makes its YAML unreadable", name)
		}
	}
}

// No command contains a script: each script that a pod runs is mounted and exists.
func TestScriptsAreMounted(t *testing.T) {
	for _, in := range installations() {
		manifests, err := mustBuild(t, in).YAML()
		if err != nil {
			t.Fatal(err)
		}
		d := decode(t, manifests)
		pods := []corev1.PodSpec{d.deployment.Spec.Template.Spec}
		if d.cronJob != nil {
			pods = append(pods, PruneJob(d.cronJob, PruneOverrides{}, "now").Spec.Template.Spec)
		}
		for _, pod := range pods {
			container := pod.Containers[0]
			commands := slices.Clone(container.Command)
			if container.StartupProbe != nil {
				commands = append(commands, container.StartupProbe.Exec.Command...)
			}
			for _, word := range commands {
				name, isScript := strings.CutPrefix(word, scriptsPath+"/")
				if isScript && d.config.Data[name] == "" || strings.Contains(word, "\n") {
					t.Errorf("%s: %s runs %q", in.name, container.Name, word)
				}
			}
			if len(commands) == 0 || !slices.ContainsFunc(container.VolumeMounts, func(m corev1.VolumeMount) bool {
				return m.Name == ConfigVolumeName && m.MountPath == scriptsPath && m.SubPath == "" && m.ReadOnly
			}) {
				t.Errorf("%s: %s runs %q with %v", in.name, container.Name, commands, container.VolumeMounts)
			}
			if !slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool {
				return v.Name == ConfigVolumeName && v.ConfigMap != nil && v.ConfigMap.Name == d.config.Name
			}) {
				t.Errorf("%s: %s has the volumes %v", in.name, container.Name, pod.Volumes)
			}
		}
	}
}

// A change of registries does not restart the pod.
func TestStartHash(t *testing.T) {
	o := Defaults()
	hash := plan{Options: o}.startHash()
	o.RegistryMirrors, o.InsecureRegistries = []string{"http://mirror.example.com"}, []string{"10.0.0.0/8"}
	if (plan{Options: o}).startHash() != hash {
		t.Error("registries change the hash")
	}
	if (plan{Options: o, cacheBytes: 1}).startHash() == hash {
		t.Error("the limit of the cache does not change the hash")
	}
}

func TestRegistriesIn(t *testing.T) {
	o := Options{RegistryMirrors: []string{"http://Mirror.example.com", "quay.io=https://q.example.com"}, InsecureRegistries: []string{"10.0.0.0/8"}}
	daemon := Registries{Mirrors: []string{"http://mirror.example.com/"}, Insecure: []string{"mirror.example.com", "10.0.0.0/8"}}
	if !RegistriesOf(o).In(daemon) {
		t.Errorf("%+v are not %+v", RegistriesOf(o), daemon)
	}
	daemon.Insecure = append(daemon.Insecure, "former.example.com:5000")
	if RegistriesOf(o).In(daemon) {
		t.Errorf("%+v are %+v", RegistriesOf(o), daemon)
	}
}

// Only files that the daemon's pod reads when it starts change the hash.
func TestConfigHash(t *testing.T) {
	data := plan{Options: Defaults()}.configData()
	hash := configHash(data)
	for key := range data {
		changed := maps.Clone(data)
		changed[key] += "x"
		if rolls := configHash(changed) != hash; rolls != (key != pruneScriptName && key != certificatesScriptName) {
			t.Errorf("%s restarts the pod: %v", key, rolls)
		}
	}
}
