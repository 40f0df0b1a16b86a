//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// ServeHTTP passes the request on, or injects the fault that the rule selects
// for it.
func (p *injector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch fault := p.next(r); fault {
	case "":
		p.pass(w, r)
	case tooMany:
		w.Header().Set("Retry-After", "1")
		answer(w, http.StatusTooManyRequests, "TooManyRequests")
	case internal:
		answer(w, http.StatusInternalServerError, "InternalError")
	case unavailable: // as the API server answers
		answer(w, http.StatusServiceUnavailable, "ServiceUnavailable")
	case gateway: // as a load balancer answers
		http.Error(w, "upstream request timeout", http.StatusGatewayTimeout)
	case expired:
		answer(w, http.StatusGone, "Expired")
	case noBookmarks:
		query := r.URL.Query()
		query.Del("allowWatchBookmarks")
		r.URL.RawQuery = query.Encode()
		p.pass(w, r)
	case refused:
		p.restart()
	case resetBefore:
		reset(w)
	case resetAfter:
		p.forgetful.ServeHTTP(w, r)
	case stalled:
		p.pause(r, 0)
	case truncated:
		p.reverse.ServeHTTP(&crippled{w, half}, r)
	case slow:
		p.reverse.ServeHTTP(&crippled{w, func(w io.Writer, data []byte) (int, error) { return p.drip(w, r, data) }}, r)
	default:
		panic("no such fault: " + fault)
	}
}

// pass passes a request on without a fault.
func (p *injector) pass(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	life := p.watches
	p.mu.Unlock()
	if p.skewed != nil {
		p.skewed.ServeHTTP(w, r)
		return
	}
	if life == 0 || r.URL.Query().Get("watch") != "true" {
		p.reverse.ServeHTTP(w, r)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), life)
	defer cancel()
	defer func() {
		// ReverseProxy aborts the answer, but a server would end it properly.
		if fault := recover(); fault != nil && (fault != http.ErrAbortHandler || ctx.Err() == nil) {
			panic(fault)
		}
	}()
	p.reverse.ServeHTTP(w, r.WithContext(ctx))
}

var errCut = errors.New("cut off by the test")

// answer writes an error as the API server does.
func answer(w http.ResponseWriter, code int, reason string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"a fault was injected","reason":%q,"code":%d}`, reason, code)
}

// reset closes the connection with a TCP reset.
func reset(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, is := connection.(*net.TCPConn); is {
		_ = tcp.SetLinger(0)
	}
	_ = connection.Close()
}

// pause waits for the duration, or forever if it is 0. It reports whether the
// client is still connected.
func (p *injector) pause(r *http.Request, long time.Duration) bool {
	var over <-chan time.Time
	if long > 0 {
		over = time.After(long)
	}
	select {
	case <-over:
		return true
	case <-r.Context().Done():
	case <-p.closing:
	}
	return false
}

// drip writes one byte per second.
func (p *injector) drip(w io.Writer, r *http.Request, data []byte) (int, error) {
	for n := range data {
		if _, err := w.Write(data[n : n+1]); err != nil {
			return n, err
		}
		if writer, is := w.(http.ResponseWriter); is {
			_ = http.NewResponseController(writer).Flush()
		}
		if !p.pause(r, time.Second) {
			return n, errCut
		}
	}
	return len(data), nil
}

// half writes the first half of the data and fails.
func half(w io.Writer, data []byte) (int, error) {
	n, _ := w.Write(data[:len(data)/2])
	return n, errCut
}

// crippled writes the body of an answer through another function. For a
// hijacked connection, which has no body, this applies to all data.
type crippled struct {
	http.ResponseWriter
	write func(io.Writer, []byte) (int, error)
}

func (c *crippled) Write(data []byte) (int, error) { return c.write(c.ResponseWriter, data) }

// FlushError is called by ReverseProxy to flush.
func (c *crippled) FlushError() error { return http.NewResponseController(c.ResponseWriter).Flush() }

// Hijack returns the connection before the answer to the upgrade is written, so
// that this answer arrives complete.
func (c *crippled) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	connection, buffered, err := http.NewResponseController(c.ResponseWriter).Hijack()
	return &crippledConn{connection, c.write}, buffered, err
}

type crippledConn struct {
	net.Conn
	write func(io.Writer, []byte) (int, error)
}

func (c *crippledConn) Write(data []byte) (int, error) {
	n, err := c.write(c.Conn, data)
	if err != nil {
		_ = c.Conn.Close()
	}
	return n, err
}
