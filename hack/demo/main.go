// Command demo shows what dindctl does, on a real cluster and with the built
// program: install, two CI jobs that build the same image, status, uninstall.
// `make demo` starts the cluster it needs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// namespace is created for the demo and deleted when it ends.
const namespace = "dindctl-demo"

// demo is the program that is shown and the cluster it is shown on.
type demo struct {
	program    string // the built dindctl
	kubeconfig string
	mirror     string // host:port of a registry that mirrors Docker Hub, if there is one
	embedded   bool   // the cluster is the one that `make cluster` starts
	client     kubernetes.Interface
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	d := demo{}
	flag.StringVar(&d.program, "dindctl", os.Getenv("DINDCTL_BIN"), "the program to show")
	flag.StringVar(&d.kubeconfig, "kubeconfig", os.Getenv("KUBECONFIG_E2E"), "an administrator's kubeconfig")
	flag.StringVar(&d.mirror, "mirror", os.Getenv("DINDCTL_E2E_REGISTRY"), "host:port of a mirror of Docker Hub")
	flag.Parse()
	if d.program == "" || d.kubeconfig == "" {
		return errors.New("set the program and the cluster with -dindctl and -kubeconfig, or run `make demo`, which sets both")
	}
	// Only the embedded cluster has that mirror.
	d.embedded = d.mirror != ""

	config, err := clientcmd.BuildConfigFromFlags("", d.kubeconfig)
	if err != nil {
		return err
	}
	config.UserAgent = "dindctl-demo"
	if d.client, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	if err := d.clear(ctx); err != nil {
		return err
	}
	err = d.show(ctx)
	// Also after Ctrl-C, which has cancelled ctx.
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	if removed := d.removeNamespace(ending); removed != nil {
		return errors.Join(err, removed)
	}
	if err == nil {
		d.farewell()
	}
	return err
}

// show runs the steps of the demo.
func (d demo) show(ctx context.Context) error {
	title(1, "Install: one command creates a Docker daemon with a persistent cache. Usually 15 s.")
	install := []string{"install", "--create-namespace", "-n", namespace, "--storage-size", "5Gi"}
	if d.mirror != "" {
		install = append(install, "--registry-mirror", "http://"+d.mirror)
	}
	printed, err := d.dindctlOutput(ctx, install...)
	if err != nil {
		return err
	}
	if err := d.mark(ctx); err != nil {
		return err
	}
	variables, err := parseVariables(printed)
	if err != nil {
		return err
	}

	title(2, "Build: a CI job, a pod with those variables and a docker client, builds an image. Usually 10 s.")
	first, err := d.job(ctx, "job-1", variables)
	if err != nil {
		return err
	}
	title(3, "Build again: another job finds the layers of the first in the cache. Usually 5 s.")
	second, err := d.job(ctx, "job-2", variables)
	if err != nil {
		return err
	}
	fmt.Printf("\nThe first build took %s, the second %s with %d of its steps CACHED.\n",
		seconds(first.took), seconds(second.took), second.cached)
	if second.cached == 0 {
		return errors.New("no step of the second build came from the cache")
	}

	title(4, "Status: the daemon, its disk and its last prune. Usually 1 s.")
	if err := d.dindctl(ctx, "status", "-n", namespace); err != nil {
		return err
	}
	title(5, "Uninstall: the cache stays, for the next installation. Usually 2 s.")
	if err := d.dindctl(ctx, "uninstall", "-n", namespace); err != nil {
		return err
	}
	title(6, "Uninstall with its data: only this deletes the cache. Usually 2 s.")
	return d.dindctl(ctx, "uninstall", "-n", namespace, "--delete-data", "--yes")
}

func (d demo) farewell() {
	fmt.Printf("\nThe demo has removed everything it created, with the namespace %s.\n", namespace)
	if d.embedded {
		fmt.Printf("The cluster still runs: try it with KUBECONFIG=%s, stop it with `make cluster-down`.\n", d.kubeconfig)
	}
}
