//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"

	"github.com/dindctl/dindctl/internal/cli"
	"github.com/dindctl/dindctl/internal/kube"
	streams "github.com/dindctl/dindctl/internal/terminal"
)

// No command leaves a goroutine or a connection behind, whether it succeeds,
// fails, times out or is interrupted.
func TestNothingIsLeftRunning(t *testing.T) {
	t.Parallel()
	i := inNewNamespace(t, nil)
	p := newInjector(t)
	run := func(t *testing.T, kubeconfig, until string, code int, line []string) {
		t.Helper()
		c := &command{Cmd: exec.Command(os.Args[0])}
		c.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, commandLine+"="+strings.Join(line, "\n"))
		c.Stdout, c.Stderr = &c.stdout, &c.stderr
		c.start(t)
		if until != "" {
			eventually(t, until, func(context.Context) (bool, error) { return strings.Contains(c.stderr.String(), until), nil })
			must(t, c.Process.Signal(os.Interrupt))
		}
		if r := c.wait(t); r.code != code {
			t.Errorf("%v: exit code %d, want %d\n%s", line, r.code, code, r.stderr)
		}
	}
	install := i.command("install", i.installOptions("-v")...)
	for _, test := range []struct {
		name  string
		until string // interrupt the command when stderr contains this
		fault rule
		code  int
		line  []string
	}{
		{"not installed", "", rule{}, notInstalled, i.command("status")},
		{"interrupted", "Pod ...", rule{}, interrupted, install},
		{"install", "", rule{}, done, install},
		{"nothing to change", "", rule{}, done, install},
		{"status", "", rule{}, done, i.command("status")},
		{"timeout", "", rule{fault: stalled}, notReady, i.command("status", "--timeout", "2s")},
		{"daemon unreachable", "", rule{fault: unavailable, request: forward}, notReady, i.command("status")},
		{"prune-now", "", rule{}, done, i.command("prune-now", "-v")},
		{"uninstall", "", rule{}, done, i.command("uninstall")},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.fault.fault == "" {
				run(t, env.kubeconfig, test.until, test.code, test.line)
			}
			// Again over HTTP/1.1. The state of the installation is the same.
			if test.fault.fault != "" || test.until == "" && test.name != "uninstall" {
				p.set(test.fault)
				run(t, p.kubeconfig, test.until, test.code, test.line)
				p.set(rule{})
			}
		})
	}
}

// commandLine is the variable that makes the test binary act as the program,
// with this command line.
const commandLine = "DINDCTL_E2E_COMMAND_LINE"

// leaky is the exit code of a command that left something running.
const leaky = 99

// runProgram runs a command line and then looks for goroutines that are still
// running.
func runProgram(line string) int {
	// The program shares it, for as long as somebody holds it: see client-go's transport cache.
	transport, err := sharedTransport()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return leaky
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := cli.Run(ctx, append([]string{"dindctl"}, strings.Split(line, "\n")...), os.LookupEnv,
		streams.Streams{In: strings.NewReader(""), Out: os.Stdout, Err: os.Stderr})
	stop()
	if err := leftRunning(transport); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return leaky
	}
	return code
}

func sharedTransport() (http.RoundTripper, error) {
	connected, err := kube.Connect(kube.Connection{})
	if err != nil {
		return nil, err
	}
	return rest.TransportFor(connected.Config)
}

// leftRunning returns an error that lists the goroutines that are still
// running. Idle connections do not count, because transports keep them for the
// next request. A connection whose last request was cancelled becomes idle only
// after a moment, so closing is repeated. A stream that the node had not answered when
// the command ended waits for 30 s: see createStreamResponseTimeout in k8s.io/streaming.
func leftRunning(transport http.RoundTripper) (err error) {
	for began := time.Now(); time.Since(began) < 35*time.Second; {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		utilnet.CloseIdleConnectionsFor(transport)
		if err = goleak.Find(); err == nil {
			return nil
		}
	}
	return err
}
