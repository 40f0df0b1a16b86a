// Command cluster runs a real Kubernetes cluster on this machine. It is built from
// Go modules and Debian packages only, and has a registry with the Docker images that
// dindctl's demo and tests need. It runs in its own network and mount namespace: the
// machine sees only one veth pair.
//
//	go run . up [--images SET] [--kubernetes VERSION]
//	                                   start what is not running and print the path of the admin's kubeconfig
//	go run . down [--keep-data]        stop and remove the cluster; the caches stay
//	go run . build [--images SET] [--kubernetes VERSION]
//	                                   only build programs and images
//	go run . join                      start a second node, whose control groups are of version 2
//	go run . leave [--lost]            stop it; the cluster is not told of a node that is lost
//	go run . status                    show what is running; fails unless the cluster is healthy
//	go run . kubeconfig [--user NAME]  print the path for admin, developer (group developers) or restricted
//	go run . exec -- PROGRAM ...       run a program inside the node
//	go run . step --title TEXT --usually TIME -- PROGRAM ...
//	                                   run a build on this machine, reported as the steps of up are
//
// SET is "all", the default, or "demo": only the images that `make demo` uses, and
// nothing that enforces NetworkPolicies unless it was built before. What is missing is
// added to a running cluster; nothing is removed from it.
// VERSION is a version of Kubernetes, v1.30.14 or later; without it, the one in
// programs/go.mod. A cluster keeps its version until `down` removes its data.
//
// All files are under $DINDCTL_CACHE, by default ~/.cache/dindctl: bin, images
// and cluster. cluster has the kubeconfigs, logs, audit.log, registry (the
// registry's host:port), registry-requests.log and docker, a Docker client for
// this machine.
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

	"github.com/dindctl/dindctl/hack/cluster/internal/images"
	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
	"github.com/dindctl/dindctl/hack/cluster/internal/pki"
	"github.com/dindctl/dindctl/hack/cluster/internal/steps"
	"github.com/dindctl/dindctl/hack/cluster/internal/versions"
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

var errUsage = errors.New("usage: go run . up [--images SET] [--kubernetes VERSION] | down [--keep-data] | build [--images SET] [--kubernetes VERSION] | join | leave [--lost] | status | kubeconfig [--user NAME] | exec -- PROGRAM ... | step --title TEXT --usually TIME -- PROGRAM ...")

func run(ctx context.Context, arguments []string) error {
	if len(arguments) == 0 {
		return errUsage
	}
	p, err := paths.FromEnvironment(os.Getenv)
	if err != nil {
		return err
	}
	l := &launcher{paths: p, records: records(p), board: steps.New(os.Stderr), kubernetes: versions.Kubernetes}

	flags := flag.NewFlagSet(arguments[0], flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	lost := flags.Bool("lost", false, "")
	keepData := flags.Bool("keep-data", false, "")
	set := images.All
	flags.Func("images", "", func(name string) (err error) { set, err = images.ParseSet(name); return err })
	flags.Func("kubernetes", "", func(version string) (err error) { l.kubernetes, err = versions.ParseRelease(version); return err })
	title := flags.String("title", "", "")
	usually := flags.Duration("usually", 0, "")
	user := flags.String("user", "admin", "")
	if err := flags.Parse(arguments[1:]); err != nil {
		return fmt.Errorf("%w\n%w", err, errUsage)
	}
	if arguments[0] != "exec" && arguments[0] != "step" && flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q\n%w", flags.Arg(0), errUsage)
	}
	switch arguments[0] {
	case "up":
		if err := l.locked(ctx, func(ctx context.Context) error { return l.up(ctx, set) }); err != nil {
			return err
		}
		fmt.Println("kubeconfig:", p.Kubeconfig("admin"))
		return nil
	case "down":
		return l.locked(ctx, func(context.Context) error { return l.down(*keepData) })
	case "build":
		return l.locked(ctx, func(ctx context.Context) error { _, _, err := l.build(ctx, set); return err })
	case "join":
		return l.locked(ctx, l.join)
	case "leave":
		return l.locked(ctx, func(ctx context.Context) error { return l.leave(ctx, *lost) })
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
	case "step":
		return l.step(ctx, *title, *usually, flags.Args())
	}
	return fmt.Errorf("no command %q\n%w", arguments[0], errUsage)
}
