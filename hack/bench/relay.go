package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"k8s.io/client-go/tools/clientcmd"
)

// relay forwards connections to the API server. It adds latency and counts the
// encrypted bytes. The methods of a nil relay do nothing.
type relay struct {
	listener       net.Listener
	target         string
	latency        time.Duration // of a round trip
	sent, received atomic.Int64
}

// startRelay starts a relay and writes a kubeconfig that uses it.
func startRelay(kubeconfig, relayed string, latency time.Duration) (*relay, error) {
	config, err := (&clientcmd.ClientConfigLoadingRules{ExplicitPath: kubeconfig}).Load()
	if err != nil {
		return nil, err
	}
	current := config.Contexts[config.CurrentContext]
	if current == nil || config.Clusters[current.Cluster] == nil {
		return nil, errors.New("the kubeconfig has no current context")
	}
	cluster := config.Clusters[current.Cluster]
	server, err := url.Parse(cluster.Server)
	if err != nil {
		return nil, err
	}
	if server.Scheme != "https" || cluster.ProxyURL != "" {
		return nil, errors.New("the kubeconfig uses a proxy or no TLS")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := server.Port()
	if port == "" {
		port = "443"
	}
	r := &relay{listener: listener, latency: latency, target: net.JoinHostPort(server.Hostname(), port)}
	if cluster.TLSServerName == "" {
		cluster.TLSServerName = server.Hostname()
	}
	server.Host = listener.Addr().String()
	cluster.Server = server.String()
	if err := clientcmd.WriteToFile(*config, relayed); err != nil {
		return nil, errors.Join(fmt.Errorf("writing a kubeconfig: %w", err), listener.Close())
	}
	go r.serve()
	return r, nil
}

func (r *relay) serve() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return // closed
		}
		go r.forward(client)
	}
}

func (r *relay) forward(client net.Conn) {
	defer client.Close()
	server, err := new(net.Dialer).DialContext(context.Background(), "tcp", r.target)
	if err != nil {
		return
	}
	defer server.Close()
	ended := make(chan struct{}, 2)
	go func() { r.copy(server, client, &r.sent); ended <- struct{}{} }()
	go func() { r.copy(client, server, &r.received); ended <- struct{}{} }()
	<-ended
}

// copy copies bytes and delays each by half the latency. It does not limit the
// throughput.
func (r *relay) copy(to io.Writer, from io.Reader, count *atomic.Int64) {
	type chunk struct {
		data []byte
		due  time.Time
	}
	queue := make(chan chunk, 1024)
	written := make(chan struct{})
	go func() {
		defer close(written)
		for p := range queue {
			<-time.After(time.Until(p.due))
			if _, err := to.Write(p.data); err != nil {
				break
			}
		}
		for range queue {
			// The reader must not block after a failed write.
		}
	}()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			count.Add(int64(n))
			queue <- chunk{slices.Clone(buffer[:n]), time.Now().Add(r.latency / 2)}
		}
		if err != nil {
			close(queue)
			<-written
			return
		}
	}
}

func (r *relay) reset() {
	if r != nil {
		r.sent.Store(0)
		r.received.Store(0)
	}
}

func (r *relay) bytes() (sent, received int64) {
	if r == nil {
		return 0, 0
	}
	return r.sent.Load(), r.received.Load()
}

func (r *relay) close() {
	if r != nil {
		_ = r.listener.Close()
	}
}
