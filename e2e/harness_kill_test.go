//go:build e2e

package e2e

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
)

// killProxy is a proxy to the API server that kills a command at a chosen
// request, so that tests can interrupt it at every possible point instead of a
// random one.
type killProxy struct {
	kubeconfig string

	mu       sync.Mutex
	requests []string
	at       int    // the number of the request, counted from 1; 0 is none
	after    bool   // kill after the API server has handled it, not before
	instead  func() // called at this request instead of a kill
	victim   *os.Process
	killed   bool
}

var errKilled = errors.New("the command was killed")

// newKillProxy starts a proxy with an administrator's permissions.
func newKillProxy(t *testing.T) *killProxy {
	t.Helper()
	p, reverse := &killProxy{}, newReverseProxy(t)
	reverse.ModifyResponse = func(r *http.Response) error {
		if r.Request.Header.Get(lastRequest) != "" {
			p.kill()
			return errKilled
		}
		return nil
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch p.next(r) {
		case killNow:
			p.kill()
			panic(http.ErrAbortHandler)
		case killAfter:
			r.Header.Set(lastRequest, "yes")
		}
		reverse.ServeHTTP(w, r)
	}))
	t.Cleanup(server.CloseClientConnections)
	t.Cleanup(func() { go server.Close() })
	p.kubeconfig = writeKubeconfig(t, kubeconfig{server: server.URL})
	return p
}

// newReverseProxy passes requests on to the API server with an administrator's
// permissions. It closes the connection if it gets no answer.
func newReverseProxy(t *testing.T) *httputil.ReverseProxy {
	t.Helper()
	target := got[*url.URL](t)(url.Parse(env.config.Host))
	// HTTP/1.1, because a port-forward takes over the connection.
	transport := &http.Transport{
		TLSClientConfig: got[*tls.Config](t)(rest.TLSConfigFor(env.config)),
		TLSNextProto:    map[string]func(string, *tls.Conn) http.RoundTripper{},
	}
	return &httputil.ReverseProxy{
		Transport:     got[http.RoundTripper](t)(rest.HTTPWrappersForConfig(env.config, transport)),
		FlushInterval: -1, // for watches
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
}

// lastRequest is the header of the request after which the command is killed.
const lastRequest = "X-Dindctl-E2e-Last"

// fate is what happens to the command at a request.
type fate int

const (
	live fate = iota
	killNow
	killAfter
)

func (p *killProxy) next(r *http.Request) fate {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, r.Method+" "+r.URL.Path)
	switch {
	case len(p.requests) != p.at:
		return live
	case p.instead != nil:
		p.instead()
		return live
	case p.after:
		return killAfter
	}
	return killNow
}

func (p *killProxy) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.victim != nil && !p.killed {
		p.killed = true
		_ = p.victim.Kill()
	}
}

// run runs a command through the proxy and kills it at its n-th request, or not
// at all if n is 0. It returns the number of requests and whether the command
// was killed: parallel requests vary in order and number.
func (p *killProxy) run(t *testing.T, n int, after bool, line ...string) (r result, requests int, killed bool) {
	t.Helper()
	c := prepare(t, []string{"KUBECONFIG=" + p.kubeconfig}, line...)
	p.mu.Lock()
	p.requests, p.at, p.after, p.instead, p.killed, p.victim = nil, n, after, nil, false, nil
	started := func() { p.victim = c.Process; p.mu.Unlock() }
	c.start(t)
	started()
	r = c.wait(t)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killed {
		t.Logf("killed at request %d (after: %v): %s", n, after, p.requests[n-1])
	}
	return r, len(p.requests), p.killed
}

// beside runs a command through the proxy and starts the other command at the
// first one's n-th request. met is false if the first command sent fewer
// requests; then the other ran after it.
func (p *killProxy) beside(t *testing.T, n int, line, other []string) (first, second result, met bool) {
	t.Helper()
	one, two := prepare(t, []string{"KUBECONFIG=" + p.kubeconfig}, line...), prepare(t, nil, other...)
	var started sync.Once
	start := func() { started.Do(func() { two.start(t) }) }
	p.mu.Lock()
	p.requests, p.at, p.victim = nil, n, nil
	p.instead = func() { met = true; start() }
	p.mu.Unlock()
	first = one.start(t).wait(t)
	p.mu.Lock()
	p.instead = nil
	p.mu.Unlock()
	start()
	return first, two.wait(t), met
}
