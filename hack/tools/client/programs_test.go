package main

import (
	"os"
	"strings"
	"testing"
)

func TestKubectlFits(t *testing.T) {
	for output, want := range map[string]bool{
		"Client Version: v1.36.3\nKustomize Version: v5.8.1": true,
		"Client Version: v1.35.0":                            true,
		"Client Version: v1.37.2+k3s1":                       true,
		"Client Version: v1.34.9":                            false,
		"Client Version: v1.38.0":                            false,
		"Client Version: v1.36.4-dispatcher":                 false,
		"Client Version: v1.37.0-rc.1":                       false,
		"v1.36.3":                                            false,
		"":                                                   false,
	} {
		if got := kubectlFits(output); got != want {
			t.Errorf("kubectlFits(%q) = %v, want %v", output, got, want)
		}
	}
}

// If a program reported another version than was built, comparisons would be wrong.
func TestPinsAgree(t *testing.T) {
	for file, want := range map[string]string{
		"../kubectl/go.mod":                           "k8s.io/kubectl " + strings.Replace(kubectlVersion, "v1.", "v0.", 1),
		"../../cluster/internal/versions/versions.go": `Kubernetes Release = "` + kubectlVersion + `"`,
	} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(content), want) {
			t.Errorf("%s does not contain %q", file, want)
		}
	}
}
