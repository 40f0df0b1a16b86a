package clustertest

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"

	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
)

// Engine is a fake Docker Engine. Its methods are safe for concurrent use.
type Engine struct {
	// Refuse is the error of Connect, InfoErr of Info, UsageErr of DiskUsage and
	// Contents, LeftErr of Leftovers.
	Refuse, InfoErr, UsageErr, LeftErr error
	// NetworkCount is the result of Networks.
	NetworkCount int64
	// Held is the result of Contents, and Left of Leftovers.
	Held daemon.Contents
	Left daemon.Leftovers
	// Work is the sequence of activities that AwaitIdle reports. After the last
	// one the engine is idle, or, if Endless is set, stays busy. Lost, if set, is
	// the error of AwaitIdle after its first report.
	Work    []daemon.Activity
	Endless bool
	Lost    error
	// Address is the host:port of the daemon for Dial, and of its metrics for DialPort.
	Address string

	mu sync.Mutex
	// Connected are the names of the pods of all connections.
	Connected []string
	// Credentials are those of the last connection.
	Credentials *tls.Config
	// Closed is the number of closed connections.
	Closed int
}

// Link is a fake tunnel to the pod of an Engine.
type Link struct {
	Daemon *Engine
	Pod    string
}

// Open does nothing.
func (l Link) Open(context.Context) error { return nil }

// Close does nothing.
func (l Link) Close() error { return nil }

// Connect records the connection and returns Refuse.
func (l Link) Connect(credentials *tls.Config) error {
	l.Daemon.mu.Lock()
	defer l.Daemon.mu.Unlock()
	l.Daemon.Connected = append(l.Daemon.Connected, l.Pod)
	l.Daemon.Credentials = credentials
	return l.Daemon.Refuse
}

// Dial connects to Address, without TLS.
func (l Link) Dial(ctx context.Context, _ *tls.Config) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", l.Daemon.Address)
}

// DialPort connects to Address.
func (l Link) DialPort(ctx context.Context, _ int) (net.Conn, error) { return l.Dial(ctx, nil) }

// Info returns a fixed description and InfoErr.
func (e *Engine) Info(context.Context) (daemon.Info, error) {
	return daemon.Info{Version: "29.7.2", APIVersion: "1.52", MinAPIVersion: "1.40", StorageDriver: "overlay2", RootDir: dind.DataRoot, CgroupVersion: "2"}, e.InfoErr
}

// DiskUsage returns fixed sizes and UsageErr.
func (e *Engine) DiskUsage(context.Context) (daemon.DiskUsage, error) {
	return daemon.DiskUsage{ImagesBytes: 3 << 30, BuildCacheBytes: 5 << 30, VolumesBytes: new(int64(1 << 30)), ReclaimableBytes: 2 << 30}, e.UsageErr
}

// Networks returns NetworkCount.
func (e *Engine) Networks(context.Context) (int64, error) { return e.NetworkCount, nil }

// Contents returns Held and UsageErr.
func (e *Engine) Contents(context.Context) (daemon.Contents, error) { return e.Held, e.UsageErr }

// Leftovers returns Left, with [] for nil as an Engine does, and LeftErr.
func (e *Engine) Leftovers(context.Context) (daemon.Leftovers, error) {
	left := e.Left
	for _, list := range []*[]daemon.Leftover{&left.Containers, &left.Builders, &left.Networks} {
		*list = append([]daemon.Leftover{}, *list...)
	}
	return left, e.LeftErr
}

// Running returns running containers of these names, created at the same time.
func Running(created time.Time, names ...string) []daemon.Leftover {
	var list []daemon.Leftover
	for _, name := range names {
		list = append(list, daemon.Leftover{Name: name, Image: "busybox:1.37", Created: created})
	}
	return list
}

// Activity returns the current activity.
func (e *Engine) Activity(context.Context) (daemon.Activity, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.Work) == 0 {
		return daemon.Activity{}, nil
	}
	return e.Work[0], nil
}

// AwaitIdle reports each activity in Work until the engine is idle.
func (e *Engine) AwaitIdle(ctx context.Context, report func(daemon.Activity)) error {
	for {
		activity, err := e.Activity(ctx)
		if err != nil {
			return err
		}
		report(activity)
		if activity.Idle() {
			return nil
		}
		e.mu.Lock()
		lost := e.Lost
		if e.Lost = nil; len(e.Work) > 1 || !e.Endless {
			e.Work = e.Work[1:]
		}
		e.mu.Unlock()
		if lost != nil {
			return lost
		}
		if e.Endless {
			<-ctx.Done()
			return ctx.Err()
		}
	}
}

// Close increments Closed.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.Closed++
	return nil
}
