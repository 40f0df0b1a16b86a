//go:build e2e

package e2e

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
)

// proxy stands between the program and the API server, speaks for the
// administrator, and changes or withholds answers.
type proxy struct {
	kubeconfig string

	mu       sync.Mutex
	stalled  *regexp.Regexp // paths that get no answer
	rewrites []rewriting
	asked    []string // method and path of each request
}

type rewriting struct {
	path     *regexp.Regexp
	old, new []byte // of the same length: protobuf carries lengths
}

func newProxy(t *testing.T) *proxy {
	t.Helper()
	target := got[*url.URL](t)(url.Parse(env.config.Host))
	p := &proxy{}
	forward := httputil.NewSingleHostReverseProxy(target)
	forward.Transport = got[http.RoundTripper](t)(rest.TransportFor(env.config))
	forward.FlushInterval = -1 // watches
	forward.ModifyResponse = p.modify
	closing := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.stalls(r) {
			select {
			case <-r.Context().Done():
			case <-closing:
			}
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(closing) }) // before it, or it waits for ever
	p.kubeconfig = writeKubeconfig(t, kubeconfig{server: server.URL})
	return p
}

func (p *proxy) stalls(r *http.Request) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	request := r.Method + " " + r.URL.RequestURI()
	p.asked = append(p.asked, request)
	return p.stalled != nil && p.stalled.MatchString(request)
}

// stall withholds every answer to requests that match, method first.
func (p *proxy) stall(pattern string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled = regexp.MustCompile(pattern)
}

// rewrite replaces a text in the answers to paths that match.
func (p *proxy) rewrite(path, old, new string) {
	if len(old) != len(new) {
		panic("texts of different lengths: " + old + ", " + new)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rewrites = append(p.rewrites, rewriting{regexp.MustCompile(path), []byte(old), []byte(new)})
}

func (p *proxy) modify(r *http.Response) error {
	p.mu.Lock()
	rewrites := p.rewrites
	p.mu.Unlock()
	for _, change := range rewrites {
		if !change.path.MatchString(r.Request.URL.Path) {
			continue
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		_ = r.Body.Close()
		body = bytes.ReplaceAll(body, change.old, change.new)
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	return nil
}
