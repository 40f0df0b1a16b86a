package lifecycle

import (
	"context"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/apply"
	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/human"
	"github.com/dindctl/dindctl/internal/progress"
	"github.com/dindctl/dindctl/internal/rollout"
)

// Restart is what an install ends when it replaces a running daemon's pod.
type Restart struct {
	Pod string `json:"pod"`
	// DrainSeconds is how long the pod lets builds end; 0 if it aborts them.
	DrainSeconds float64 `json:"drainSeconds"`
	// Builds and Containers ran in it just before; nil if the daemon does not say.
	Builds     *int `json:"builds"`
	Containers *int `json:"containers"`

	pod      *corev1.Pod
	engine   daemon.Info // of the daemon that it ends; empty if unknown
	activity daemon.Activity
	err      error // why the daemon could not be asked
}

// beforeRestart reports what the plan would abort by replacing the daemon's pod,
// and with WhenIdle waits until nothing runs in it. It returns the plan to apply:
// it plans again after waiting, because the cluster may have changed meanwhile.
func (i Instance) beforeRestart(ctx context.Context, p plan, options dind.Options, how InstallOptions, outcome *Installation) (plan, error) {
	for waited := false; ; waited = true {
		restart, err := i.restart(ctx, p)
		if outcome.Restart = restart; restart == nil || err != nil {
			return p, err
		}
		switch {
		case !how.WhenIdle:
			i.reportRestart(restart, false, " (use --when-idle to wait)")
			return p, nil
		case restart.err != nil:
			return p, restart.err
		case restart.idle() && waited:
			i.reportRestart(restart, false, "")
			return p, nil
		}
		if err := i.waitIdle(ctx, restart.pod); err != nil {
			return p, err
		}
		if restart.activity.BuildsUnknown {
			return p, nil // there is nothing more to learn
		}
		if p, err = i.plan(ctx, options, how); err != nil {
			return p, err
		}
	}
}

// restart returns which running pod the plan replaces, by the API server's answer
// to a dry run, and what runs in it; nil if there is none.
func (i Instance) restart(ctx context.Context, p plan) (*Restart, error) {
	deployment := p.Only("Deployment")
	if p.found.deployment() == nil || deployment.Empty() {
		return nil, nil
	}
	applied, err := deployment.Preview(ctx)
	replaces := replacesPod(applied)
	if err != nil {
		// A webhook that allows no dry runs, for example.
		replaces = deployment.Touches("spec.template")
	}
	if !replaces || ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return i.running(ctx, p.found.deployment()), ctx.Err()
}

// replacesPod reports whether a Deployment's pods are replaced.
func replacesPod(applied []apply.Applied) bool {
	for _, a := range applied {
		for _, field := range a.Fields {
			if a.Ref.Kind == "Deployment" && strings.HasPrefix(field.Path, "spec.template") {
				return true
			}
		}
	}
	return false
}

// running asks the running daemon of the Deployment; nil if none runs.
func (i Instance) running(ctx context.Context, deployment *appsv1.Deployment) *Restart {
	pod, err := i.runningPod(ctx, deployment)
	switch {
	case err != nil:
		return &Restart{err: err}
	case pod == nil:
		return nil
	}
	restart := &Restart{Pod: pod.Name, pod: pod, DrainSeconds: dind.DrainTimeout(pod.Spec).Seconds()}
	ctx, cancel := context.WithTimeout(ctx, askingTime)
	defer cancel()
	restart.err = i.withEngine(ctx, pod, func(ctx context.Context, engine Engine) (err error) {
		if restart.activity, err = engine.Activity(ctx); err == nil {
			restart.engine, _ = engine.Info(ctx) // only for the report at the end
		}
		return err
	})
	if restart.err == nil {
		restart.Containers = new(len(restart.activity.Containers))
		if !restart.activity.BuildsUnknown {
			restart.Builds = &restart.activity.Builds
		}
	}
	return restart
}

// runningPod returns the Deployment's running pod, nil if there is none.
func (i Instance) runningPod(ctx context.Context, deployment *appsv1.Deployment) (*corev1.Pod, error) {
	pods, err := i.Cluster.PodsOf(ctx, deployment)
	return firstRunning(pods), err
}

// firstRunning returns the first pod whose daemon runs, ready or not: one that is
// too busy to answer its probe is the last that should be ended without asking.
func firstRunning(pods []corev1.Pod) *corev1.Pod {
	for n := range pods {
		if pod := &pods[n]; pod.DeletionTimestamp == nil && pod.Status.Phase == corev1.PodRunning && rollout.ContainerRuns(pod, dind.ContainerName) {
			return pod
		}
	}
	return nil
}

// idle reports whether nothing runs, as far as the engine says what does.
func (r *Restart) idle() bool { return r.activity.Idle() && !r.activity.BuildsUnknown }

// reportRestart reports what a restart ends, or would end; advice is what to do instead.
func (i Instance) reportRestart(restart *Restart, would bool, advice string) {
	pod := "the daemon's pod"
	if restart.Pod != "" {
		pod = "pod/" + restart.Pod
	}
	text := "restarting " + pod + restart.consequence(would)
	switch {
	case restart.err != nil:
		progress.Warn(i.Observer, fmt.Sprintf("%s: %v", text, restart.err))
	case restart.idle():
		progress.Inform(i.Observer, text)
	default:
		progress.Warn(i.Observer, text+advice)
	}
}

// consequence completes the sentence "restarting the pod".
func (r *Restart) consequence(would bool) string {
	lets, aborts := " lets ", " aborts "
	if would {
		lets, aborts = " would let ", " would abort "
	}
	what, a := "nothing", r.activity
	switch {
	case r.err != nil:
		what = "whatever runs in it, which is unknown"
	case r.DrainSeconds > 0 && a.Builds > 0:
		end := lets + count(a.Builds, "build") + " end, for up to " + human.Duration(time.Duration(r.DrainSeconds*float64(time.Second)))
		if len(a.Containers) == 0 {
			return end
		}
		return end + "; it" + aborts + count(len(a.Containers), "container")
	case !r.idle():
		what = DescribeActivity(a)
	}
	return aborts + what
}
