// Command dindctl puts one long-lived Docker daemon into a Kubernetes cluster,
// so that CI jobs share its layer cache.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/dindctl/dindctl/internal/cli"
	"github.com/dindctl/dindctl/internal/terminal"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal asks to stop cleanly; a second one is taken at its word.
	context.AfterFunc(ctx, stop)
	streams := terminal.NewStreams(os.Stdin, os.Stdout, os.Stderr, os.Getenv)
	return cli.Run(ctx, os.Args, os.Getenv, streams)
}
