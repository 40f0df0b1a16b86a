package clustertest

import (
	"context"
	"crypto/tls"
	"sync"

	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
)

// Engine is a daemon. Its mutex is for use from several goroutines.
type Engine struct {
	Refuse, InfoErr, UsageErr error
	Held                      daemon.Contents
	// Work is what runs, one state after the other; then nothing, or the last
	// for ever. Lost breaks the connection that is told of the first.
	Work    []daemon.Activity
	Endless bool
	Lost    error

	mu    sync.Mutex
	Asked []string // names of pods
	// Credentials are the last that somebody came with.
	Credentials *tls.Config
	Closed      int
}

// Link is a connection to the pod of a daemon.
type Link struct {
	Daemon *Engine
	Pod    string
}

// Open does nothing.
func (l Link) Open(context.Context) error { return nil }

// Close does nothing.
func (l Link) Close() error { return nil }

// Connect notes who connects, and fails if the daemon refuses.
func (l Link) Connect(credentials *tls.Config) error {
	l.Daemon.mu.Lock()
	defer l.Daemon.mu.Unlock()
	l.Daemon.Asked = append(l.Daemon.Asked, l.Pod)
	l.Daemon.Credentials = credentials
	return l.Daemon.Refuse
}

// Info returns what the daemon says of itself.
func (e *Engine) Info(context.Context) (daemon.Info, error) {
	return daemon.Info{Version: "29.7.2", APIVersion: "1.52", StorageDriver: "overlay2", RootDir: dind.DataRoot, CgroupVersion: "2"}, e.InfoErr
}

// DiskUsage returns what its data takes.
func (e *Engine) DiskUsage(context.Context) (daemon.DiskUsage, error) {
	return daemon.DiskUsage{ImagesBytes: 3 << 30, BuildCacheBytes: 5 << 30, ReclaimableBytes: 2 << 30}, e.UsageErr
}

// Contents returns what it holds.
func (e *Engine) Contents(context.Context) (daemon.Contents, error) { return e.Held, e.UsageErr }

// Activity returns what runs now.
func (e *Engine) Activity(context.Context) (daemon.Activity, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.Work) == 0 {
		return daemon.Activity{}, nil
	}
	return e.Work[0], nil
}

// AwaitIdle goes through what runs until nothing does.
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

// Close counts.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.Closed++
	return nil
}
