package daemon

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/client"
)

// Activity is the work that a daemon does at one moment, and that would be lost
// if it ended.
type Activity struct {
	// Builds are docker build and docker buildx build, in BuildKit. Those of the
	// legacy builder count as the containers that they run.
	Builds int
	// BuildsUnknown says that the engine does not tell: those before 24.0.
	BuildsUnknown bool
	// Containers are the running ones, but for buildx's own.
	Containers int
}

// Idle tells that nothing is known to run.
func (a Activity) Idle() bool { return a.Builds == 0 && a.Containers == 0 }

const askingActivity = "ask the Docker daemon what it is doing"

// Activity asks what runs now.
func (e *Engine) Activity(ctx context.Context) (Activity, error) {
	builds, err := e.history(ctx)
	if err != nil && !errors.Is(err, errNoHistory) {
		return Activity{}, e.explain(ctx, askingActivity, err)
	}
	if builds != nil {
		defer builds.conn.Close()
	}
	activity, err := e.activity(ctx, builds)
	if err != nil {
		return Activity{}, e.explain(ctx, askingActivity, err)
	}
	return activity, nil
}

// resync is after which time the daemon is asked although nothing was heard: a
// build that ends in the instant in which the daemon begins to listen is told to
// nobody. It also keeps a connection in use that something on the way would close.
const resync = 30 * time.Second

// AwaitIdle returns when nothing runs any more, at once if that is so already.
// It hears of what starts and ends, and reports what runs then. Where the engine
// does not tell which builds run, it waits for the containers alone.
func (e *Engine) AwaitIdle(ctx context.Context, report func(Activity)) error {
	if err := e.awaitIdle(ctx, report); err != nil {
		return e.explain(ctx, askingActivity, err)
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

	listening, stop := context.WithCancel(ctx)
	var streams sync.WaitGroup
	defer streams.Wait()
	defer stop()
	change, failure := make(chan struct{}, 1), make(chan error, 2)
	changed := func() {
		select {
		case change <- struct{}{}:
		default: // one is told of already
		}
	}
	lost := func(err error) { failure <- err }
	if !activity.BuildsUnknown {
		if err := builds.follow(listening, &streams, changed, lost); err != nil {
			return err
		}
	}
	e.followContainers(listening, &streams, changed, lost)

	again := time.NewTicker(resync)
	defer again.Stop()
	for {
		// What changed before both were listening was told to nobody.
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
		case <-again.C:
		case err := <-failure:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// followContainers calls changed for every container that starts or ends.
func (e *Engine) followContainers(ctx context.Context, streams *sync.WaitGroup, changed func(), lost func(error)) {
	events := e.client.Events(ctx, client.EventsListOptions{
		Filters: client.Filters{}.Add("type", "container").Add("event", "start", "die"),
	})
	streams.Go(func() {
		for {
			select {
			case <-events.Messages:
				changed()
			case err := <-events.Err:
				lost(err)
				return
			}
		}
	})
}

// activity asks for builds, where the engine knows them, and containers.
func (e *Engine) activity(ctx context.Context, builds *history) (Activity, error) {
	var activity Activity
	err := errNoHistory
	if builds != nil {
		activity.Builds, err = builds.running(ctx)
	}
	if activity.BuildsUnknown = errors.Is(err, errNoHistory); err != nil && !activity.BuildsUnknown {
		return Activity{}, err
	}
	list, err := e.client.ContainerList(ctx, client.ContainerListOptions{})
	if err != nil {
		return Activity{}, err
	}
	for _, container := range list.Items {
		if !isBuilder(container.Names) {
			activity.Containers++
		}
	}
	return activity, nil
}

// isBuilder tells the containers of `docker buildx create --driver
// docker-container`. They run until somebody removes them, whether they build or
// not, so nothing would ever be idle beside one; what they build is seen by
// nobody but themselves.
func isBuilder(names []string) bool {
	for _, name := range names {
		if strings.HasPrefix(name, "/buildx_buildkit_") {
			return true
		}
	}
	return false
}
