package lifecycle

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/rollout"
)

// Status is the health of an installation. Fields that could not be read are nil,
// and a problem says why.
type Status struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	// Context is the kubeconfig's context; "" in a pod.
	Context    string `json:"context"`
	Healthy    bool   `json:"healthy"`
	DockerHost string `json:"dockerHost"`
	TLS        bool   `json:"tls"`
	// Node is where the daemon's pod is; "" without one.
	Node string `json:"node"`
	// Options are those of the last install that differ from the defaults, without
	// values that may be secrets; nil if they are unknown.
	Options map[string]any `json:"options"`
	// Certificates is nil without TLS.
	Certificates *Certificates `json:"certificates,omitempty"`
	Objects      []ObjectState `json:"objects"`
	Daemon       *daemon.Info  `json:"daemon"`
	Disk         *Disk         `json:"disk"`
	Limits       *Limits       `json:"limits"`
	// Draining is what the daemon waits for before it stops; nil if it is not to stop.
	Draining *dind.Draining `json:"draining"`
	// Leftovers is what jobs have in the daemon.
	Leftovers *daemon.Leftovers `json:"leftovers"`
	Prune     *Prune            `json:"prune"`
	Problems  []Problem         `json:"problems"`
	// Replicas are the states of the other replicas. Healthy is about all of them.
	Replicas []Status `json:"replicas,omitempty"`
}

// ObjectState is the state of one object.
type ObjectState struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	State  string `json:"state"` // one word
	Ready  bool   `json:"ready"`
	Detail string `json:"detail"`
}

// Problem is something wrong with the installation, and the next step.
type Problem struct {
	Object  string `json:"object"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
	// Severity is "error" if the problem makes the installation unhealthy, and
	// "warning" otherwise.
	Severity string `json:"severity"`
}

// Severities of problems.
const (
	SeverityError   = "error"
	SeverityWarning = "warning"
)

// Status examines the installation and changes nothing. An unhealthy installation is
// not an error: Healthy is false and Problems say why. The error is a
// *NotInstalledError, or what the connection returns.
func (i Instance) Status(ctx context.Context) (Status, error) {
	status, deployment, err := i.statusOfOne(ctx)
	if err != nil {
		return status, err
	}
	return status, i.addReplicas(ctx, deployment, &status)
}

// statusOfOne is Status for one replica, and returns its Deployment.
func (i Instance) statusOfOne(ctx context.Context) (Status, *appsv1.Deployment, error) {
	status := Status{
		Name: i.Name, Namespace: i.Cluster.Namespace, Context: i.Cluster.Context,
		DockerHost: dind.Endpoint(i.Cluster.Namespace, i.Name, false),
		Objects:    []ObjectState{}, Problems: []Problem{},
	}
	var found installation
	var pods []corev1.Pod
	var err, podsErr error
	var reading sync.WaitGroup
	reading.Go(func() { found, err = i.find(ctx) })
	reading.Go(func() { pods, podsErr = i.Cluster.Pods(ctx, i.labels()) })
	reading.Wait()
	if err != nil {
		return status, nil, err
	}
	if !found.exists() {
		return status, nil, found.notInstalled()
	}
	if podsErr != nil {
		return status, nil, podsErr
	}

	if options, known := dind.Remembered(found.deployment()); known {
		status.Options = options.Values()
	}
	status.TLS = found.servesTLS()
	status.DockerHost = dind.Endpoint(i.Cluster.Namespace, i.Name, status.TLS)
	daemons, err := i.podsOf(ctx, found.deployment(), pods)
	if err != nil {
		return status, nil, err
	}
	state := found.state(daemons)
	rolloutStatus := rollout.Compute(state)
	growing := state.Claim != nil && rollout.Growing(state.Claim)
	if !rolloutStatus.Ready || growing {
		// Some causes show only in events. The request is sent only if there is a
		// problem.
		if events, err := rollout.Events(ctx, i.Cluster, state); err == nil {
			state.Events = events
			rolloutStatus = rollout.Compute(state)
		} else {
			status.Problems = append(status.Problems, Problem{
				Object: "deployment/" + i.Name, Reason: "EventsUnknown", Severity: SeverityWarning,
				Message: "The events, which may explain the problem, could not be read: " + err.Error(),
				Hint:    hintFor(err, "list events", "`dindctl status` tries again."),
			})
		}
	}
	i.checkLock(ctx, state, &rolloutStatus)
	i.checkVolumeNode(ctx, state, &rolloutStatus)
	status.Draining = i.checkDrain(ctx, state, &rolloutStatus)
	status.Objects = objectStates(found, rolloutStatus)
	status.Problems = append(status.Problems, objectProblems(found, rolloutStatus)...)
	status.Problems = append(status.Problems, found.unreadProblems()...)
	if growing {
		status.Problems = append(status.Problems, causeProblem(rollout.Resize(state.Claim, i.Name, state.Events, i.Now())))
	}
	if pod := rolloutStatus.Pod; pod != nil && rolloutStatus.Ready {
		status.Problems = append(status.Problems, addedLimitProblems(found, pod)...)
		if restarted := rollout.Restarted(pod, dind.ContainerName, i.Now()); restarted != nil {
			status.Problems = append(status.Problems, causeProblem(restarted))
		}
	} else if pod != nil {
		status.Problems = append(status.Problems, damageProblems(kube.Ref{Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name}, i.cacheDamage(ctx, pod), nil)...)
	}

	var asking sync.WaitGroup
	var certificates []ObjectState
	var volume *dind.FileSystem
	var problems [6][]Problem
	asking.Go(func() { status.Prune, problems[3] = i.pruneState(ctx, found.cronJob(), pods) })
	if status.TLS {
		asking.Go(func() { status.Certificates, certificates, problems[0] = i.certificateState(ctx, found) })
	}
	if rolloutStatus.Ready && found.service() != nil {
		asking.Go(func() { problems[1] = i.serviceState(ctx, rolloutStatus.Pod) })
	}
	if rolloutStatus.Ready {
		options, _ := dind.Remembered(found.deployment())
		asking.Go(func() {
			answers := i.askDaemon(ctx, rolloutStatus.Pod)
			status.Daemon, status.Leftovers, volume = answers.info, answers.left, answers.volume
			status.Disk = newDisk(answers.volume, answers.usage)
			status.Limits = newLimits(answers)
			problems[2] = i.daemonProblems(rolloutStatus.Pod, answers, options)
		})
	}
	if rolloutStatus.Ready && dind.PodServesMetrics(rolloutStatus.Pod.Spec) {
		asking.Go(func() { problems[5] = i.metricsState(ctx, rolloutStatus.Pod) })
	}
	if rolloutStatus.Pod != nil {
		status.Node = rolloutStatus.Pod.Spec.NodeName
		asking.Go(func() { problems[4] = i.policyState(ctx, found, rolloutStatus.Pod) })
	}
	asking.Wait()
	if err := ctx.Err(); errors.Is(err, context.Canceled) {
		return status, nil, err
	}
	if volume != nil {
		status.Prune.gained(volume.LastPrune)
	}
	status.Objects = append(status.Objects, certificates...)
	// Appended, so that an empty list is [] in JSON and not null.
	status.Problems = append(status.Problems, slices.Concat(problems[:]...)...)
	status.Healthy = true
	for _, problem := range status.Problems {
		status.Healthy = status.Healthy && problem.Severity != SeverityError
	}
	return status, found.deployment(), nil
}

// checkLock asks a running pod that is not ready whether its daemon waits for the lock of
// its data root. The pod knows it as it is now; the event that says so may be gone, or the
// wait over.
func (i Instance) checkLock(ctx context.Context, state rollout.State, status *rollout.Status) {
	if status.Answering || !status.Running || status.Cause != nil && status.Cause.Reason != rollout.LockHeldReason {
		return
	}
	out, err := i.Cluster.Exec(ctx, status.Pod.Name, dind.ContainerName, dind.WaitingCommand()...)
	switch {
	case err != nil: // what the events say counts
	case strings.TrimSpace(out) == "":
		status.Cause = nil
	default:
		status.Cause = rollout.WaitsForLock(state, status.Pod)
	}
}

// causeProblem returns a cause that does not make the pod unready. It is an error if
// waiting does not help.
func causeProblem(cause *rollout.Cause) Problem {
	severity := SeverityWarning
	if cause.Final {
		severity = SeverityError
	}
	return *problemOf(cause, severity)
}
