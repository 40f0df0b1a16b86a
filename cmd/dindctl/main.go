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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal asks to stop cleanly; a second one is taken at its word.
	context.AfterFunc(ctx, stop)
	// client-go logs what it cannot return, between the lines of a spinner; all
	// that matters of it comes back as an error too.
	klog.SetLogger(logr.Discard())
	streams := terminal.NewStreams(os.Stdin, os.Stdout, os.Stderr, os.Getenv)
	return cli.Run(ctx, os.Args, os.Getenv, streams)
}
