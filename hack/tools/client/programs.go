package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// The pinned versions. A test checks that the embedded cluster and the module in
// ../kubectl have the same version as kubectl here.
const (
	kubectlVersion = "v1.36.3"
	helmVersion    = "v4.3.1"
)

// program is a client, how to check the version on the machine, and how to build
// it.
type program struct {
	name       string
	version    string
	askVersion []string
	fits       func(version string) bool
	recipe     func(directory string) *exec.Cmd // run in hack/tools
}

var programs = map[string]program{
	"kubectl": {
		name: "kubectl", version: kubectlVersion,
		askVersion: []string{"version", "--client"},
		fits:       kubectlFits,
		recipe: func(directory string) *exec.Cmd {
			const version = "k8s.io/component-base/version."
			minor, _ := minorOf(kubectlVersion)
			return goCommand("kubectl", directory, "build", "-trimpath", "-buildvcs=false", "-o", directory, "-ldflags",
				fmt.Sprintf("-s -w -X %sgitVersion=%s -X %sgitMajor=1 -X %sgitMinor=%d", version, kubectlVersion, version, version, minor), ".")
		},
	},
	"helm": {
		name: "helm", version: helmVersion,
		askVersion: []string{"version", "--template", "{{.Version}}"},
		fits:       func(version string) bool { return strings.HasPrefix(version, "v4.") },
		recipe: func(directory string) *exec.Cmd {
			return goCommand(".", directory, "install", "-trimpath", "-ldflags",
				"-s -w -X helm.sh/helm/v4/internal/version.version="+helmVersion, "helm.sh/helm/v4/cmd/helm@"+helmVersion)
		},
	},
}

// goCommand builds without cgo, so that it needs no C compiler and uses packages
// that hack/cluster has compiled from Go's cache.
func goCommand(workingDirectory, output string, arguments ...string) *exec.Cmd {
	command := exec.Command("go", arguments...)
	command.Dir = workingDirectory
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOBIN="+output, "GOWORK=off", "GO111MODULE=on")
	return command
}

// kubectlFits accepts released versions that differ from the server's by at most
// one minor version, as Kubernetes supports. The dispatcher that some distributions
// install as kubectl is not released: it sends additional requests.
func kubectlFits(output string) bool {
	line, _, _ := strings.Cut(output, "\n")
	own, found := strings.CutPrefix(line, "Client Version: ")
	server, _ := minorOf(kubectlVersion)
	minor, err := minorOf(own)
	return found && err == nil && minor >= server-1 && minor <= server+1
}

// minorOf returns the 36 of v1.36.3, with or without build metadata after a plus.
func minorOf(version string) (int, error) {
	release, _, _ := strings.Cut(version, "+")
	parts := strings.Split(release, ".")
	if len(parts) != 3 || parts[0] != "v1" {
		return 0, fmt.Errorf("%q is not a released version", version)
	}
	if _, err := strconv.Atoi(parts[2]); err != nil {
		return 0, fmt.Errorf("%q is not a released version", version)
	}
	return strconv.Atoi(parts[1])
}
