//go:build e2e

package e2e

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"regexp"
	"sync"
	"testing"
	"time"
)

// fault is what can go wrong with one request on its way to the API server, in
// the API server, or on the way back.
type fault string

const (
	tooMany     fault = "429 Retry-After"
	internal    fault = "500"
	unavailable fault = "503"
	gateway     fault = "504"
	refused     fault = "refused"
	resetBefore fault = "reset before"
	resetAfter  fault = "reset after"
	stalled     fault = "stall"
	truncated   fault = "truncated"
	slow        fault = "1 byte/s"
	// These two only make sense for watches.
	expired     fault = "410"
	noBookmarks fault = "no bookmarks"
)

// faults holds the faults that may happen to any request.
var faults = []fault{tooMany, internal, unavailable, gateway, refused, resetBefore, resetAfter, stalled, truncated, slow}

// lasts reports whether the command cannot recover from the fault by retrying,
// so that it ends with its timeout.
func (f fault) lasts() bool { return f == stalled || f == slow }

// rule selects the requests in which a fault is injected.
type rule struct {
	fault fault
	// nth counts the matching requests from 1; 0 selects all of them.
	nth int
	// request matches method, path and query; nil matches all.
	request *regexp.Regexp
}

// These match requests.
var (
	anyWatch = regexp.MustCompile(`[?&]watch=true`)
	forward  = regexp.MustCompile(`/portforward`)
)

// injector is a proxy to the API server. It adds an administrator's credentials
// and injects faults.
type injector struct {
	kubeconfig string
	address    string
	// reverse passes a request on; forgetful drops the answer; skewed, if not
	// nil, shifts the times in the answer.
	reverse, forgetful, skewed *httputil.ReverseProxy
	closing                    chan struct{}

	mu     sync.Mutex
	server *http.Server
	rule   rule
	// watches is the duration after which watches end properly; 0 is never.
	watches time.Duration
	asked   []string // method, path and query of each request
	matched int
	hit     int
}

// down is how long connections are refused, like during the restart of an API
// server behind a load balancer.
const down = 700 * time.Millisecond

func newInjector(t *testing.T) *injector {
	t.Helper()
	p := &injector{reverse: newReverseProxy(t), closing: make(chan struct{})}
	forgetful := *p.reverse
	forgetful.ModifyResponse = func(*http.Response) error { return errCut }
	forgetful.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { reset(w) }
	p.forgetful = &forgetful

	listener := got[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	p.address = listener.Addr().String()
	p.serve(listener)
	t.Cleanup(func() {
		close(p.closing)
		p.stop()
	})
	p.kubeconfig = writeKubeconfig(t, kubeconfig{server: "http://" + p.address})
	return p
}

func (p *injector) serve(listener net.Listener) {
	server := &http.Server{Handler: p, ErrorLog: log.New(io.Discard, "", 0)}
	p.mu.Lock()
	p.server = server
	p.mu.Unlock()
	go func() { _ = server.Serve(listener) }()
}

// stop closes all connections and refuses new ones.
func (p *injector) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.server.Close()
}

// restart closes all connections and refuses new ones for a while.
func (p *injector) restart() {
	p.stop()
	time.AfterFunc(down, func() {
		select {
		case <-p.closing:
			return
		default:
		}
		listener, err := net.Listen("tcp", p.address)
		if err != nil {
			return // then the command fails
		}
		p.serve(listener)
	})
}

// set replaces the rule and clears the recorded requests.
func (p *injector) set(r rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rule, p.asked, p.matched, p.hit = r, nil, 0, 0
}

// endWatches ends every new watch after the duration.
func (p *injector) endWatches(life time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watches = life
}

// requests returns the requests since the rule was set, and how many of them
// met the fault.
func (p *injector) requests() (asked []string, hit int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked, p.hit
}

// next records a request and returns the fault for it, or "".
func (p *injector) next(r *http.Request) fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	request := r.Method + " " + r.URL.RequestURI()
	p.asked = append(p.asked, request)
	if p.rule.fault == "" || p.rule.request != nil && !p.rule.request.MatchString(request) {
		return ""
	}
	p.matched++
	if p.rule.nth != 0 && p.matched != p.rule.nth {
		return ""
	}
	p.hit++
	return p.rule.fault
}
