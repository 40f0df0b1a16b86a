package daemon

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/moby/moby/client"
)

// Activity is the work that a daemon is doing, and that is lost if it stops.
type Activity struct {
	// Builds is the number of BuildKit builds. A build with the legacy builder
	// counts as the container that it runs.
	Builds int
	// BuildsUnknown is true for engines before 24.0, which do not report builds.
	BuildsUnknown bool
	// Containers are the running containers, oldest first, without those of buildx.
	Containers []Leftover
}

// Idle reports whether no build and no container is known to run.
func (a Activity) Idle() bool { return a.Builds == 0 && len(a.Containers) == 0 }

const gettingActivity = "get the Docker daemon's activity"

// Activity returns what the daemon is doing now.
func (e *Engine) Activity(ctx context.Context) (Activity, error) {
	builds, err := e.history(ctx)
	if err != nil && !errors.Is(err, errNoHistory) {
		return Activity{}, e.explain(ctx, gettingActivity, err)
	}
	if builds != nil {
		defer builds.conn.Close()
	}
	activity, err := e.activity(ctx, builds)
	if err != nil {
		return Activity{}, e.explain(ctx, gettingActivity, err)
	}
	return activity, nil
}

// resync is the polling fallback for events lost between the first query and the
// subscription. It also prevents proxies from closing an idle connection.
const resync = 30 * time.Second

// AwaitIdle waits until the daemon is idle. It calls report with the current
// activity at the start and after every change. If the engine does not report
// builds, it waits for the containers only.
func (e *Engine) AwaitIdle(ctx context.Context, report func(Activity)) error {
	if err := e.awaitIdle(ctx, report); err != nil {
		return e.explain(ctx, gettingActivity, err)
	}
	return nil
}

func (e *Engine) awaitIdle(ctx context.Context, report func(Activity)) error {
	builds, err := e.history(ctx)
	if err != nil && !errors.Is(err, errNoHistory) {
		return err
	}
	if builds != nil {
		defer builds.conn.Close()
	}
	activity, err := e.activity(ctx, builds)
	if err != nil {
		return err
	}
	report(activity)
	if activity.Idle() {
		return nil
	}

	streamCtx, stop := context.WithCancel(ctx)
	var streams sync.WaitGroup
	defer streams.Wait()
	defer stop()
	change, failure := make(chan struct{}, 1), make(chan error, 2)
	onChange := func() {
		select {
		case change <- struct{}{}:
		default: // a change is already pending
		}
	}
	onError := func(err error) { failure <- err }
	if !activity.BuildsUnknown {
		if err := builds.follow(streamCtx, &streams, onChange, onError); err != nil {
			return err
		}
	}
	e.followContainers(streamCtx, &streams, onChange, onError)

	ticker := time.NewTicker(resync)
	defer ticker.Stop()
	for {
		// The first round catches changes from before the subscriptions.
		activity, err := e.activity(ctx, builds)
		if err != nil {
			return err
		}
		report(activity)
		if activity.Idle() {
			return nil
		}
		select {
		case <-change:
		case <-ticker.C:
		case err := <-failure:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// followContainers calls onChange when a container starts or ends, until ctx ends
// or the connection fails. It calls onError with the reason.
func (e *Engine) followContainers(ctx context.Context, streams *sync.WaitGroup, onChange func(), onError func(error)) {
	events := e.client.Events(ctx, client.EventsListOptions{
		Filters: client.Filters{}.Add("type", "container").Add("event", "start", "die"),
	})
	streams.Go(func() {
		for {
			select {
			case <-events.Messages:
				onChange()
			case err := <-events.Err:
				onError(err)
				return
			}
		}
	})
}

// activity counts builds and lists containers. builds may be nil.
func (e *Engine) activity(ctx context.Context, builds *history) (Activity, error) {
	var activity Activity
	err := errNoHistory
	if builds != nil {
		activity.Builds, err = builds.running(ctx)
	}
	if activity.BuildsUnknown = errors.Is(err, errNoHistory); err != nil && !activity.BuildsUnknown {
		return Activity{}, err
	}
	if activity.Containers, _, err = e.running(ctx); err != nil {
		return Activity{}, err
	}
	return activity, nil
}
