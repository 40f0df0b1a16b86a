package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/human"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/progress"
)

// BusyError is returned when something still ran in the daemon at the deadline.
type BusyError struct {
	Namespace, Pod string
	Activity       daemon.Activity // what ran last
	Clients        string          // who was connected last, if nothing else ran
	After          time.Duration
	Now            time.Time
}

func (e *BusyError) Error() string {
	what := nameActivity(e.Activity, e.Now)
	if e.Clients != "" {
		what = "clients are connected: " + e.Clients
	}
	return fmt.Sprintf("pod/%s is not idle after %s: %s", e.Pod, human.Duration(e.After), what)
}

// Removal returns the command that removes the containers that ran; "" if none did.
func (e *BusyError) Removal() string {
	if len(e.Activity.Containers) == 0 {
		return ""
	}
	return removeCommand(kube.Ref{Kind: "Pod", Namespace: e.Namespace, Name: e.Pod}, e.Activity.Containers)
}

// askingTime bounds one question about what runs.
const askingTime = 15 * time.Second

// activity returns what runs in the pod's daemon. The error is a *DaemonError.
func (i Instance) activity(ctx context.Context, pod *corev1.Pod) (daemon.Activity, error) {
	ctx, cancel := context.WithTimeout(ctx, askingTime)
	defer cancel()
	var activity daemon.Activity
	err := i.withEngine(ctx, pod, func(ctx context.Context, engine Engine) (err error) {
		activity, err = engine.Activity(ctx)
		return err
	})
	return activity, err
}

// waitIdle waits, as a progress step, until nothing runs in the pod's daemon and nobody
// is connected to it: the engine does not say which images are pushed or pulled. If the
// connection is lost, it asks again, because the builds may still run; a pod that is
// gone is idle. The error is a *BusyError if ctx's deadline passes, and a
// *DaemonError if the daemon cannot be asked.
func (i Instance) waitIdle(ctx context.Context, pod *corev1.Pod) error {
	began := i.Now()
	return progress.Step(i.Observer, "Idle", func(update func(string)) error {
		update("checking what runs in pod/" + pod.Name)
		var last *daemon.Activity
		clients := "" // the last that were seen
		pause := wait.Backoff{Duration: 200 * time.Millisecond, Factor: 2, Jitter: 0.1, Cap: 5 * time.Second, Steps: 6}
		for {
			err := i.withEngineOnce(ctx, pod, func(ctx context.Context, engine Engine) error {
				return engine.AwaitIdle(ctx, func(a daemon.Activity) {
					if a.BuildsUnknown && last == nil {
						progress.Warn(i.Observer, "this engine does not say which builds run (24.0 and later do): only containers are waited for")
					}
					last = &a
					if !a.Idle() {
						update("waiting for " + nameActivity(a, i.Now()))
					}
				})
			})
			if err == nil {
				clients, err = i.awaitClients(ctx, pod, clients)
				if clients != "" && err == nil {
					update("waiting for clients that push, pull or have a connection for another reason: " + clients)
					_ = kube.Sleep(ctx, time.Second)
					continue
				}
			}
			switch {
			case err == nil, apierrors.IsNotFound(err):
				update(fmt.Sprintf("nothing runs in pod/%s any more", pod.Name))
				return nil
			case clients != "" && errors.Is(ctx.Err(), context.DeadlineExceeded):
				return &BusyError{Namespace: pod.Namespace, Pod: pod.Name, Clients: clients, After: i.Now().Sub(began), Now: i.Now()}
			case last != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
				return &BusyError{Namespace: pod.Namespace, Pod: pod.Name, Activity: *last, After: i.Now().Sub(began), Now: i.Now()}
			case last == nil, ctx.Err() != nil, apierrors.IsForbidden(err):
				return &DaemonError{Namespace: i.Cluster.Namespace, Pod: pod.Name, Err: err}
			}
			update(fmt.Sprintf("lost the connection (last seen: %s); retrying: %v", nameActivity(*last, i.Now()), err))
			_ = kube.Sleep(ctx, pause.Step())
		}
	})
}

// awaitClients returns the addresses of those that are connected to the pod's daemon, as
// soon as there are none or others than the known ones. If they cannot be read, it warns and
// returns "".
func (i Instance) awaitClients(ctx context.Context, pod *corev1.Pod, known string) (string, error) {
	now, err := i.Cluster.Exec(ctx, pod.Name, dind.ContainerName, dind.ClientsCommand(dind.PodServesTLS(pod.Spec), known)...)
	switch {
	case err == nil:
		return strings.TrimSpace(now), nil
	case ctx.Err() != nil:
		return known, ctx.Err()
	}
	progress.Warn(i.Observer, "pushes and pulls are not waited for: "+err.Error())
	return "", nil
}

// DescribeActivity returns what runs: "1 build and 2 containers".
func DescribeActivity(a daemon.Activity) string {
	containers := count(len(a.Containers), "container")
	switch {
	case a.BuildsUnknown:
		return containers + ", and possibly builds (this engine does not report them)"
	case a.Builds == 0:
		return containers
	case len(a.Containers) == 0:
		return count(a.Builds, "build")
	}
	return count(a.Builds, "build") + " and " + containers
}

// nameActivity is DescribeActivity with the names of the oldest containers.
func nameActivity(a daemon.Activity, now time.Time) string {
	if len(a.Containers) == 0 {
		return DescribeActivity(a)
	}
	return DescribeActivity(a) + ": " + NameContainers(a.Containers, now)
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}
