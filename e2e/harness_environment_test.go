//go:build e2e

package e2e

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// environment is how the tests are configured.
type environment struct {
	kubeconfig string   // KUBECONFIG_E2E: a kubeconfig with an administrator's permissions
	program    string   // DINDCTL_BIN: the program; built if empty
	registry   string   // DINDCTL_E2E_REGISTRY: host:port of a mirror of Docker Hub
	requests   string   // DINDCTL_E2E_REGISTRY_LOG: that registry's log, one request per line
	audit      string   // DINDCTL_E2E_AUDIT_LOG: the API server's audit log
	launcher   string   // DINDCTL_E2E_LAUNCHER: the directory of the program that starts the cluster's second node
	docker     string   // DINDCTL_E2E_DOCKER: the directory of a Docker client, with buildx in cli-plugins
	images     []string // DINDCTL_E2E_IMAGES: the dind images to test, the newest last
	soak       bool     // DINDCTL_SOAK=1: more repetitions

	config  *rest.Config
	cluster kubernetes.Interface
}

// env is set once by TestMain, and only read afterwards.
var env environment

// baseImage is the base of the test builds. It is on Docker Hub and in the
// embedded cluster's registry.
const baseImage = "busybox:1.37"

func TestMain(m *testing.M) {
	if line := os.Getenv(commandLine); line != "" {
		os.Exit(runProgram(line))
	}
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	scratch, err := os.MkdirTemp("", "dindctl-e2e-")
	if err == nil {
		defer os.RemoveAll(scratch)
		env, err = readEnvironment(scratch)
	}
	if err == nil {
		err = moreInParallel()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	return m.Run()
}

func readEnvironment(scratch string) (environment, error) {
	e := environment{
		kubeconfig: os.Getenv("KUBECONFIG_E2E"),
		program:    os.Getenv("DINDCTL_BIN"),
		registry:   os.Getenv("DINDCTL_E2E_REGISTRY"),
		requests:   os.Getenv("DINDCTL_E2E_REGISTRY_LOG"),
		audit:      os.Getenv("DINDCTL_E2E_AUDIT_LOG"),
		launcher:   os.Getenv("DINDCTL_E2E_LAUNCHER"),
		docker:     os.Getenv("DINDCTL_E2E_DOCKER"),
		images:     []string{"docker:26.1.5-dind", "docker:29.7.2-dind"},
		soak:       os.Getenv("DINDCTL_SOAK") == "1",
	}
	if images := os.Getenv("DINDCTL_E2E_IMAGES"); images != "" {
		e.images = strings.Split(images, ",")
	}
	if e.kubeconfig == "" {
		return e, errors.New("KUBECONFIG_E2E is not set: run `make test`, which starts a cluster and sets it")
	}
	var err error
	if e.config, err = clientcmd.BuildConfigFromFlags("", e.kubeconfig); err != nil {
		return e, err
	}
	e.config.UserAgent = "dindctl-e2e"
	e.config.QPS, e.config.Burst = 100, 200
	if e.cluster, err = kubernetes.NewForConfig(e.config); err != nil {
		return e, err
	}
	if _, err := e.cluster.Discovery().ServerVersion(); err != nil {
		return e, fmt.Errorf("the cluster of KUBECONFIG_E2E does not respond (`make test` starts one): %w", err)
	}
	if e.program == "" {
		e.program = filepath.Join(scratch, "dindctl")
		build := exec.Command("go", "build", "-o", e.program, "../cmd/dindctl")
		if out, err := build.CombinedOutput(); err != nil {
			return e, fmt.Errorf("building the program: %w\n%s", err, out)
		}
	}
	e.program, err = filepath.Abs(e.program)
	return e, err
}

// moreInParallel runs four tests in parallel unless the command line sets
// another number. The tests mostly wait for the cluster, so the default, the
// number of processors, is too low.
func moreInParallel() error {
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return nil
	}
	return flag.Set("test.parallel", "4")
}

// soakOnly skips a test that takes too long for `make test`.
func soakOnly(t *testing.T) {
	t.Helper()
	if !env.soak {
		t.Skip("`make soak` runs this test")
	}
}

// mainImages returns the images for tests that keep the processors busy: the newest, or all
// with DINDCTL_SOAK=1.
func (e environment) mainImages() []string {
	if e.soak {
		return e.images
	}
	return []string{e.newest()}
}

// newest returns the image for tests that do not depend on the version.
func (e environment) newest() string { return e.images[len(e.images)-1] }
