// Command dindctl installs one long-lived Docker daemon into a Kubernetes
// cluster, so that CI jobs share its layer cache.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"

	"github.com/dindctl/dindctl/internal/cli"
	"github.com/dindctl/dindctl/internal/terminal"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	// The first signal cancels the context. A second one ends the process.
	// Not signal.NotifyContext: its cancellation cause would replace
	// context.Canceled in request errors.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		signal.Stop(signals)
		cancel()
	}()
	// client-go's log lines would disturb the spinner. Relevant failures are also
	// returned as errors.
	klog.SetLogger(logr.Discard())
	streams := terminal.NewStreams(os.Stdin, os.Stdout, os.Stderr, os.Getenv)
	return cli.Run(ctx, os.Args, os.LookupEnv, streams)
}
