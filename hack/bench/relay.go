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

// relay passes connections on to the API server, puts a distance between it and
// its clients, and counts their bytes, encrypted as they are. Its methods do
// nothing on nil.
type relay struct {
	listener       net.Listener
	target         string
	distance       time.Duration // what a way there and back takes
	sent, received atomic.Int64
}

// startRelay starts a relay and writes a kubeconfig that leads through it.
func startRelay(kubeconfig, relayed string, distance time.Duration) (*relay, error) {
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
	r := &relay{listener: listener, distance: distance, target: net.JoinHostPort(server.Hostname(), port)}
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
	go func() { r.carry(server, client, &r.sent); ended <- struct{}{} }()
	go func() { r.carry(client, server, &r.received); ended <- struct{}{} }()
	// Neither side speaks on after the other has ended.
	<-ended
}

// carry takes bytes from one side to the other, each half the distance later: it
// delays them, and does not make them fewer in a given time.
func (r *relay) carry(to io.Writer, from io.Reader, count *atomic.Int64) {
	type parcel struct {
		data []byte
		due  time.Time
	}
	under := make(chan parcel, 1024)
	arrived := make(chan struct{})
	go func() {
		defer close(arrived)
		for p := range under {
			<-time.After(time.Until(p.due))
			if _, err := to.Write(p.data); err != nil {
				break
			}
		}
		for range under {
			// Nobody takes it any more.
		}
	}()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			count.Add(int64(n))
			under <- parcel{slices.Clone(buffer[:n]), time.Now().Add(r.distance / 2)}
		}
		if err != nil {
			close(under)
			<-arrived
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
