package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"time"

	"github.com/dindctl/dindctl/hack/cluster/internal/network"
	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
)

// Check is a condition of a healthy cluster.
type Check struct {
	Name string
	Run  func(context.Context) error
}

// ServerCheck returns the check that all others and Apply depend on.
func ServerCheck(p paths.Paths) Check {
	return Check{"API server ready", func(ctx context.Context) error {
		server, err := newAPI(p)
		if err != nil {
			return err
		}
		if err := server.get(ctx, "/readyz?exclude=shutdown", nil); err != nil {
			return err
		}
		return nil
	}}
}

// Checks returns all checks. Since is when the node was last started: what it
// reported before does not count.
func Checks(p paths.Paths, since time.Time) []Check {
	return []Check{
		ServerCheck(p),
		{"registry answers", registryAnswers},
		NodeCheck(p, FirstName, since),
		{"default service account", func(ctx context.Context) error { return serviceAccount(ctx, p) }},
		{"DNS answers", dnsAnswers},
	}
}

// PolicyCheck returns the check of the component that PolicyEnforcer returns. Its last
// rule of the first round accepts what the policies allow.
func PolicyCheck() Check {
	return Check{"NetworkPolicies enforced", func(ctx context.Context) error {
		const chain, allowed = "KUBE-ROUTER-FORWARD", "--mark 0x20000/0x20000 -j ACCEPT"
		rules, err := exec.CommandContext(ctx, "nsenter", "--net="+network.File, "iptables", "-S", chain).CombinedOutput()
		if err != nil {
			return fmt.Errorf("listing the rules of %s: %w: %s", chain, err, bytes.TrimSpace(rules))
		}
		if !strings.Contains(string(rules), allowed) {
			return fmt.Errorf("%s has no rule %q yet", chain, allowed)
		}
		return nil
	}}
}

func registryAnswers(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+Registry+"/v2/", nil)
	if err != nil {
		return err
	}
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	// A proxy of the machine's network may answer in its place.
	if response.Header.Get("Docker-Distribution-Api-Version") == "" {
		err = fmt.Errorf("something else answers at %s: %s", Registry, response.Status)
	}
	return errors.Join(err, response.Body.Close())
}

// NodeCheck returns the check of a node. What the node reported before since does
// not count.
func NodeCheck(p paths.Paths, name string, since time.Time) Check {
	return Check{"node " + name + " Ready", func(ctx context.Context) error { return nodeReady(ctx, p, name, since) }}
}

func nodeReady(ctx context.Context, p paths.Paths, name string, since time.Time) error {
	server, err := newAPI(p)
	if err != nil {
		return err
	}
	var node struct {
		Status struct {
			Conditions []struct {
				Type, Status, Message string
				LastHeartbeatTime     time.Time
			}
		}
	}
	if err := server.get(ctx, "/api/v1/nodes/"+name, &node); err != nil {
		return err
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type != "Ready" {
			continue
		}
		if condition.LastHeartbeatTime.Before(since.Truncate(time.Second)) {
			return errors.New("kubelet has not reported since the start")
		}
		if condition.Status != "True" {
			return errors.New(condition.Message)
		}
		return nil
	}
	return errors.New("kubelet has not reported yet")
}

func serviceAccount(ctx context.Context, p paths.Paths) error {
	server, err := newAPI(p)
	if err != nil {
		return err
	}
	return server.get(ctx, "/api/v1/namespaces/default/serviceaccounts/default", nil)
}

func dnsAnswers(ctx context.Context) error {
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, protocol, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, protocol, net.JoinHostPort(network.NodeAddress, "53"))
	}}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	addresses, err := resolver.LookupHost(ctx, "kubernetes.default.svc.cluster.local.")
	if err != nil {
		return err
	}
	if len(addresses) != 1 || addresses[0] != serviceAddress {
		return fmt.Errorf("kubernetes.default resolves to %v, not to %s", addresses, serviceAddress)
	}
	return nil
}

// Wait repeats a check until it passes, alive fails, or the context ends.
func (c Check) Wait(ctx context.Context, alive func() error) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := c.Run(ctx)
		if err == nil {
			return nil
		}
		if dead := alive(); dead != nil {
			return dead
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %q: %w; its last answer: %w", c.Name, context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}
