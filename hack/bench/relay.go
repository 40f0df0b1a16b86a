package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync/atomic"

	"k8s.io/client-go/tools/clientcmd"
)

// relay passes connections on to the API server and counts their bytes,
// encrypted as they are. Its methods do nothing on nil.
type relay struct {
	listener       net.Listener
	target         string
	sent, received atomic.Int64
}

// startRelay starts a relay and writes a kubeconfig that leads through it.
func startRelay(kubeconfig, relayed string) (*relay, error) {
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
		return nil, errors.New("the cluster is reached without TLS or through a proxy")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := server.Port()
	if port == "" {
		port = "443"
	}
	r := &relay{listener: listener, target: net.JoinHostPort(server.Hostname(), port)}
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
		go r.pass(client)
	}
}

func (r *relay) pass(client net.Conn) {
	defer client.Close()
	server, err := new(net.Dialer).DialContext(context.Background(), "tcp", r.target)
	if err != nil {
		return
	}
	defer server.Close()
	ended := make(chan struct{}, 2)
	copyAndCount := func(to, from net.Conn, count *atomic.Int64) {
		_, _ = io.Copy(io.MultiWriter(to, counter{count}), from)
		ended <- struct{}{}
	}
	go copyAndCount(server, client, &r.sent)
	go copyAndCount(client, server, &r.received)
	// Neither side speaks on after the other has ended.
	<-ended
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

// counter adds up what is written to it.
type counter struct{ total *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.total.Add(int64(len(p)))
	return len(p), nil
}
