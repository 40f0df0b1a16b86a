//go:build e2e

package e2e

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
)

// Every request to the API server, including port-forward and exec, goes
// through HTTPS_PROXY unless NO_PROXY excludes the server. Requests to the
// daemon through the port-forward never use a proxy.
func TestHTTPSProxy(t *testing.T) {
	t.Parallel()
	server := got[*url.URL](t)(url.Parse(env.config.Host))
	if server.Scheme != "https" {
		t.Skip("the API server does not use TLS")
	}
	i := inNewNamespace(t, nil)
	p := newTunnels(t)
	host := server.Host
	if server.Port() == "" {
		host += ":443"
	}
	for _, test := range []struct {
		name      string
		variables []string
		want      []string
	}{
		{"HTTPS_PROXY", []string{"HTTPS_PROXY=" + p.url, "HTTP_PROXY=" + p.url, "ALL_PROXY=" + p.url}, []string{"CONNECT " + host}},
		{"NO_PROXY", []string{"HTTPS_PROXY=" + p.url, "HTTP_PROXY=" + p.url, "NO_PROXY=" + server.Hostname()}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			run := func(line ...string) result {
				t.Helper()
				return prepare(t, test.variables, line...).start(t).wait(t).want(t, done)
			}
			run(i.command("install", i.installOptions()...)...)
			equal(t, "install asked the proxy for", p.asked(), test.want)
			s := decode[status](t, run(i.command("status", "-o", "json")...))
			equal(t, "status asked the proxy for", p.asked(), test.want)
			if !s.Healthy || s.Daemon == nil || s.Disk == nil || s.Disk.CapacityBytes == nil {
				t.Errorf("status is not complete: %+v", s)
			}
			run(i.command("prune-now", "-v")...)
			equal(t, "prune-now asked the proxy for", p.asked(), test.want)
		})
	}
	run := prepare(t, []string{"HTTPS_PROXY=http://127.0.0.1:1"}, i.command("status", "-o", "json")...).start(t).wait(t)
	failureOf(t, run.want(t, failed)).names(t, "Unreachable", "127.0.0.1:1")
}

// tunnels is an HTTPS proxy that opens tunnels and records their targets.
type tunnels struct {
	url string

	mu sync.Mutex
	to []string
}

func newTunnels(t *testing.T) *tunnels {
	t.Helper()
	p := &tunnels{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.to = append(p.to, r.Method+" "+r.Host)
		p.mu.Unlock()
		if r.Method != http.MethodConnect {
			http.Error(w, "tunnels only", http.StatusMethodNotAllowed)
			return
		}
		far, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", r.Host)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer far.Close()
		w.WriteHeader(http.StatusOK)
		client, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer client.Close()
		ended := make(chan struct{}, 2)
		for _, way := range [][2]net.Conn{{far, client}, {client, far}} {
			go func() { _, _ = io.Copy(way[0], way[1]); ended <- struct{}{} }()
		}
		<-ended
	}))
	t.Cleanup(server.CloseClientConnections)
	p.url = server.URL
	return p
}

// asked returns each recorded request once, and clears the record.
func (p *tunnels) asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := p.to
	p.to = nil
	slices.Sort(asked)
	return slices.Compact(asked)
}
