// Command dindctl puts one long-lived Docker daemon into a Kubernetes cluster,
// so that CI jobs share its layer cache.
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
	// The first signal asks to stop cleanly; a second one is taken at its word.
	// A plain cancellation it is, and not signal.NotifyContext: the cause that
	// gives would come back from requests in place of context.Canceled.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		signal.Stop(signals)
		cancel()
	}()
	// client-go logs what it cannot return, between the lines of a spinner; all
	// that matters of it comes back as an error too.
	klog.SetLogger(logr.Discard())
	streams := terminal.NewStreams(os.Stdin, os.Stdout, os.Stderr, os.Getenv)
	return cli.Run(ctx, os.Args, os.LookupEnv, streams)
}
