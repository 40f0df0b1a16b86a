// Command bench measures how long dindctl, kubectl and Helm take from an empty
// namespace to a Docker daemon that answers. They install the same objects and take
// turns, each time in a new namespace. Then it measures builds: with a new daemon
// for each job, and with the one that dindctl installs; the two image stores; what prunes
// cost; several replicas; and other ways to build. `make bench` starts the cluster and
// builds the clients.
//
// The first round is not counted, because it pulls the image and fills the clients'
// discovery caches. Deleting is not measured. Requests are counted in the API
// server's audit log, if it can be read.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// enoughRuns is the number of runs from which medians are compared with the goals.
// Fewer runs only show that everything works.
const enoughRuns = 3

// sections are the parts of the benchmark.
var sections = []string{"commands", "builds", "stores", "prune", "replicas", "binding", "peers"}

// setting is what the benchmark runs with.
type setting struct {
	dindctl, kubectl, helm string // programs
	kubeconfig             string
	audit                  auditLog
	client                 kubernetes.Interface
	scratch                string // a directory for what clients write
	runs                   int
	registry               string // a mirror of Docker Hub, for the daemons
	class                  string // of the claims; "" is the default
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	s := setting{audit: auditLog(os.Getenv("DINDCTL_E2E_AUDIT_LOG")), registry: os.Getenv("DINDCTL_E2E_REGISTRY")}
	flag.StringVar(&s.dindctl, "dindctl", os.Getenv("DINDCTL_BIN"), "the program")
	flag.StringVar(&s.kubectl, "kubectl", "kubectl", "the kubectl to compare with")
	flag.StringVar(&s.helm, "helm", "helm", "the helm to compare with")
	flag.StringVar(&s.kubeconfig, "kubeconfig", os.Getenv("KUBECONFIG_E2E"), "an administrator's kubeconfig")
	flag.IntVar(&s.runs, "runs", 5, "measured runs of each")
	only := flag.String("only", "", "measure only one of "+strings.Join(sections, ", "))
	output := flag.String("json", "", "file for the results")
	flag.Parse()
	if *only != "" && !slices.Contains(sections, *only) {
		return errors.New("-only must be one of " + strings.Join(sections, ", "))
	}
	if s.dindctl == "" || s.kubeconfig == "" || s.runs < 1 {
		return errors.New("-dindctl, -kubeconfig and at least one run are required; `make bench` sets them")
	}
	config, err := clientcmd.BuildConfigFromFlags("", s.kubeconfig)
	if err != nil {
		return err
	}
	config.UserAgent = "dindctl-bench"
	config.QPS = -1 // a rate limit of the client would hide the server's last error
	if s.client, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	version, err := s.client.Discovery().ServerVersion()
	if err != nil {
		return fmt.Errorf("reading the version of the cluster: %w", err)
	}
	if s.scratch, err = os.MkdirTemp("", "dindctl-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(s.scratch)

	r, err := s.measure(ctx, *only)
	if err != nil {
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		return err
	}
	r.Cluster, r.Processors = version.GitVersion, runtime.NumCPU()
	fmt.Print(r.text())
	if *output == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(*output), 0o755); err != nil {
		return err
	}
	return r.write(*output)
}

// measure measures commands and builds, or only one section: the others take long.
func (s setting) measure(ctx context.Context, only string) (r report, err error) {
	if err := s.removeLeftovers(ctx); err != nil {
		return r, err
	}
	wanted := func(section string) bool { return err == nil && (only == "" || only == section) }
	commands, builds := &measurements{}, (*buildFigures)(nil)
	if wanted("commands") {
		commands, err = s.rounds(ctx)
	}
	if only == "binding" {
		commands, err = s.binding(ctx)
	}
	if wanted("builds") {
		builds, err = s.builds(ctx)
	}
	if err != nil {
		return r, err
	}
	r = newReport(commands, builds, s.runs)
	if only == "stores" {
		r.Stores, err = s.stores(ctx)
	}
	if only == "prune" {
		r.Prune, err = s.upkeep(ctx)
	}
	if only == "replicas" {
		r.Replicas, err = s.replicas(ctx)
	}
	if only == "peers" {
		r.Peers, err = s.peers(ctx)
	}
	return r, err
}
