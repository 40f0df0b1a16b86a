package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dindctl/dindctl/internal/dind"
)

// The measured commands. The first four are compared with each other.
const (
	byDindctl = "dindctl install"
	byKubectl = "kubectl apply --server-side, rollout status, port-forward"
	byHelm    = "helm install --wait, kubectl port-forward"
	byGuide   = "kubectl apply of a guide's YAML, rollout status, port-forward"
	again     = "dindctl install, nothing to change"
	status    = "dindctl status"
	uninstall = "dindctl uninstall"
)

// options returns dindctl's options for the objects of all contenders. Any cluster has a
// volume of this size.
func (a arena) options() []string {
	options := []string{"--storage-size", "1Gi"}
	if a.class != "" {
		options = append(options, "--storage-class", a.class)
	}
	return options
}

// arena is the environment of one run of a contender.
type arena struct {
	setting
	namespace, kubeconfig, directory string
	// memory is the peak memory of the clients since it was last set to 0.
	memory *atomic.Int64
}

func (s setting) arena(namespace, kubeconfig string) (arena, error) {
	a := arena{setting: s, namespace: namespace, kubeconfig: kubeconfig, directory: filepath.Join(s.scratch, namespace), memory: new(atomic.Int64)}
	if err := os.Mkdir(a.directory, 0o755); err != nil {
		return a, err
	}
	if s.audit == "" {
		return a, nil
	}
	a.kubeconfig = filepath.Join(a.directory, "kubeconfig")
	return a, s.audit.mark(kubeconfig, a.kubeconfig, namespace)
}

func dindctl(ctx context.Context, a arena, measure measure) error {
	for _, step := range []struct {
		name      string
		arguments []string
	}{
		{byDindctl, append([]string{"install"}, a.options()...)},
		{again, append([]string{"install"}, a.options()...)},
		{status, []string{"status"}},
		{uninstall, []string{"uninstall"}},
	} {
		err := measure(step.name, func() (time.Time, error) {
			_, err := a.run(ctx, a.dindctl, append(step.arguments, "-n", a.namespace)...)
			return time.Now(), err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func kubectl(ctx context.Context, a arena, measure measure) error {
	objects, err := a.manifests(ctx)
	if err != nil {
		return err
	}
	return a.apply(ctx, measure, byKubectl, "--server-side", "-f", objects)
}

//go:embed guide.yaml
var guideYAML string

func guide(ctx context.Context, a arena, measure measure) error {
	objects := filepath.Join(a.directory, "guide.yaml")
	if err := os.WriteFile(objects, []byte(strings.ReplaceAll(guideYAML, "IMAGE", dind.DefaultImage)), 0o644); err != nil {
		return err
	}
	return a.apply(ctx, measure, byGuide, "-f", objects)
}

// apply measures kubectl from applying the objects to the daemon's answer.
func (a arena) apply(ctx context.Context, measure measure, name string, arguments ...string) error {
	return measure(name, func() (time.Time, error) {
		if _, err := a.run(ctx, a.kubectl, append([]string{"apply", "-n", a.namespace}, arguments...)...); err != nil {
			return time.Time{}, err
		}
		if _, err := a.run(ctx, a.kubectl, "rollout", "status", "-n", a.namespace, "deployment/"+dind.DefaultName); err != nil {
			return time.Time{}, err
		}
		return a.awaitAnswer(ctx)
	})
}

func helm(ctx context.Context, a arena, measure measure) error {
	objects, err := a.manifests(ctx)
	if err != nil {
		return err
	}
	chart, err := createChart(objects)
	if err != nil {
		return err
	}
	return measure(byHelm, func() (time.Time, error) {
		if _, err := a.run(ctx, a.helm, "install", "dind", chart, "-n", a.namespace, "--wait"); err != nil {
			return time.Time{}, err
		}
		return a.awaitAnswer(ctx)
	})
}

// manifests writes the objects of install to a file and returns its name. This is
// not measured.
func (a arena) manifests(ctx context.Context) (string, error) {
	printed, err := a.run(ctx, a.dindctl, append([]string{"manifests", "-n", a.namespace}, a.options()...)...)
	if err != nil {
		return "", err
	}
	file := filepath.Join(a.directory, "objects.yaml")
	return file, os.WriteFile(file, []byte(printed), 0o644)
}

// createChart creates a chart from the objects, in the directory of their file. Helm
// does not interpret their braces.
func createChart(objects string) (string, error) {
	directory := filepath.Dir(objects)
	for name, content := range map[string]string{
		"Chart.yaml":             "apiVersion: v2\nname: dind\nversion: 1.0.0\n",
		"templates/objects.yaml": `{{ .Files.Get "objects.yaml" }}`,
	} {
		path := filepath.Join(directory, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return "", err
		}
	}
	return directory, nil
}

// run runs a client and returns its standard output.
func (a arena) run(ctx context.Context, program string, arguments ...string) (string, error) {
	command := a.command(ctx, program, arguments...)
	var out, errs strings.Builder
	command.Stdout, command.Stderr = &out, &errs
	err := command.Run()
	a.memory.Store(max(a.memory.Load(), peakMemory(command.ProcessState)))
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", filepath.Base(program), strings.Join(arguments, " "), err, out.String(), errs.String())
	}
	return out.String(), nil
}

// command returns a command for a client. Its caches belong to the benchmark; the
// rest of its environment is the user's, which the login to a cluster may need.
func (a arena) command(ctx context.Context, program string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, program, arguments...)
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "DINDCTL_") && !strings.HasPrefix(variable, "HELM_") {
			command.Env = append(command.Env, variable)
		}
	}
	home := filepath.Join(a.scratch, "home")
	command.Env = append(command.Env, "KUBECONFIG="+a.kubeconfig, "KUBECACHEDIR="+filepath.Join(home, "kube"),
		"HELM_CACHE_HOME="+filepath.Join(home, "helm-cache"), "HELM_CONFIG_HOME="+filepath.Join(home, "helm-config"),
		"HELM_DATA_HOME="+filepath.Join(home, "helm-data"))
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 10 * time.Second
	return command
}
