// Command cluster runs a real one-node Kubernetes on this machine, out of Go
// modules and Debian packages alone, with a registry that holds the Docker
// images which dindctl's tests need. It lives in a network and a mount
// namespace of its own: nothing of it shows outside but one veth pair.
//
//	go run . up                        start what is not running; prints the admin kubeconfig's path
//	go run . down [--keep-data]        stop all of it and leave nothing behind
//	go run . build                     only build programs and images
//	go run . status                    what is running; fails unless all is well
//	go run . kubeconfig [--user NAME]  the path for admin, developer (group developers) or restricted
//	go run . exec -- PROGRAM ...       run something inside of the node
//
// Everything it keeps is under $DINDCTL_CACHE, by default ~/.cache/dindctl:
// bin, images, and cluster. The last holds kubeconfigs, logs, audit.log,
// registry (the registry's host:port) and registry-requests.log.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
	"github.com/dindctl/dindctl/hack/cluster/internal/pki"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: go run . up | down [--keep-data] | build | status | kubeconfig [--user NAME] | exec -- PROGRAM ...")

func run(ctx context.Context, arguments []string) error {
	if len(arguments) == 0 {
		return errUsage
	}
	p, err := paths.FromEnvironment(os.Getenv)
	if err != nil {
		return err
	}
	l := &launcher{paths: p, records: records(p), say: say}

	flags := flag.NewFlagSet(arguments[0], flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	keepData := flags.Bool("keep-data", false, "")
	user := flags.String("user", "admin", "")
	if err := flags.Parse(arguments[1:]); err != nil {
		return fmt.Errorf("%w\n%w", err, errUsage)
	}
	if arguments[0] != "exec" && flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q\n%w", flags.Arg(0), errUsage)
	}
	switch arguments[0] {
	case "up":
		if err := l.locked(ctx, l.up); err != nil {
			return err
		}
		fmt.Println("kubeconfig:", p.Kubeconfig("admin"))
		return nil
	case "down":
		return l.locked(ctx, func(context.Context) error { return l.down(*keepData) })
	case "build":
		return l.locked(ctx, func(ctx context.Context) error { _, _, err := l.build(ctx); return err })
	case "status":
		return l.status(ctx, os.Stdout)
	case "kubeconfig":
		if !slices.Contains(pki.PeopleNames(), *user) {
			return fmt.Errorf("no user %q: there are %s", *user, strings.Join(pki.PeopleNames(), ", "))
		}
		fmt.Println(p.Kubeconfig(*user))
		return nil
	case "exec":
		return l.exec(flags.Args())
	}
	return fmt.Errorf("no command %q\n%w", arguments[0], errUsage)
}

func say(format string, values ...any) { fmt.Fprintf(os.Stderr, format+"\n", values...) }
