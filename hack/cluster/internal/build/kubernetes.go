package build

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// KubernetesModule returns a Prepare for a program that imports k8s.io/kubernetes:
// it is built with this version instead of the one in its go.mod, and with exactly
// the dependencies of this version. Their checksums are those that Kubernetes has
// recorded.
func KubernetesModule(version string) func(context.Context, string) ([]string, error) {
	return func(ctx context.Context, workshop string) ([]string, error) {
		command := exec.CommandContext(ctx, "go", "mod", "download", "-json", "k8s.io/kubernetes@"+version)
		command.Dir = workshop
		output, err := command.Output()
		var module struct{ Dir, Error string }
		if json.Unmarshal(output, &module) != nil || module.Dir == "" {
			return nil, fmt.Errorf("downloading Kubernetes %s: %w: %s", version, err, module.Error)
		}
		own, err := os.ReadFile(filepath.Join(module.Dir, "go.mod"))
		if err != nil {
			return nil, err
		}
		sums, err := os.ReadFile(filepath.Join(module.Dir, "go.sum"))
		if err != nil {
			return nil, err
		}
		file := filepath.Join(workshop, "kubernetes.mod")
		if err := os.WriteFile(file, []byte(moduleFile(string(own), version)), 0o644); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(workshop, "kubernetes.sum"), sums, 0o644); err != nil {
			return nil, err
		}
		return []string{"-mod=mod", "-modfile=" + file}, nil
	}
}

var (
	moduleLine = regexp.MustCompile(`(?m)^module .*$`)
	samples    = regexp.MustCompile(`(?m)^\s*k8s\.io/sample-\S+ v.*\n`)
	staged     = regexp.MustCompile(`(?m)=> \./staging/src/(\S+)$`)
)

// moduleFile turns the go.mod of Kubernetes into that of a program that imports it.
// Kubernetes replaces the modules that it publishes by directories of its
// repository: v1.30.14 publishes them as v0.30.14. Only its tests need the samples.
func moduleFile(own, version string) string {
	published := "v0." + strings.TrimPrefix(version, "v1.")
	text := moduleLine.ReplaceAllString(own, "module kubernetes")
	text = samples.ReplaceAllString(text, "")
	text = staged.ReplaceAllString(text, "=> $1 "+published)
	return text + "\nrequire k8s.io/kubernetes " + version + "\n"
}
