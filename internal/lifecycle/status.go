package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dindctl/dindctl/internal/cluster"
	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
)

// Status is the health of an installation. What could not be read is nil, and
// a problem says why.
type Status struct {
	Name       string        `json:"name"`
	Namespace  string        `json:"namespace"`
	Healthy    bool          `json:"healthy"`
	DockerHost string        `json:"dockerHost"`
	TLS        bool          `json:"tls"`
	Objects    []ObjectState `json:"objects"`
	Daemon     *daemon.Info  `json:"daemon"`
	Disk       *Disk         `json:"disk"`
	Prune      *Prune        `json:"prune"`
	Problems   []Problem     `json:"problems"`
}

// ObjectState is one object as it is.
type ObjectState struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	State  string `json:"state"` // one word
	Ready  bool   `json:"ready"`
	Detail string `json:"detail"`
}

// Problem is something that is not as it should be, and what to do about it.
type Problem struct {
	Object  string `json:"object"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
	// Severity is "error" for what makes the installation unhealthy, and
	// "warning" for the rest.
	Severity string `json:"severity"`
}

// Severities of problems.
const (
	SeverityError   = "error"
	SeverityWarning = "warning"
)

// Status looks at everything and changes nothing. An unhealthy installation is
// not an error: Healthy is false and Problems say why. The error is a
// *NotInstalledError, or what the connection gives.
func (i Instance) Status(ctx context.Context) (Status, error) {
	status := Status{
		Name: i.Name, Namespace: i.Cluster.Namespace,
		DockerHost: dind.Endpoint(i.Cluster.Namespace, i.Name),
		Objects:    []ObjectState{}, Problems: []Problem{},
	}
	var found cluster.Inventory
	var pods []corev1.Pod
	var podsErr error
	var reading errgroup.Group
	reading.Go(func() (err error) {
		found, err = i.find(ctx)
		return err
	})
	reading.Go(func() error {
		pods, podsErr = i.Cluster.Pods(ctx, i.owned())
		return nil
	})
	if err := reading.Wait(); err != nil {
		return status, err
	}
	if !installed(found) {
		return status, i.notInstalled(found)
	}
	if podsErr != nil {
		return status, podsErr
	}

	view := cluster.View{Claim: found.Claim, Deployment: found.Deployment, Pods: pointers(pods)}
	verdict := cluster.Judge(view)
	if !verdict.Ready {
		// Only trouble is worth the extra request: some causes are told by
		// events alone.
		if events, err := i.Cluster.EventsOf(ctx, view); err == nil {
			view.Events = events
			verdict = cluster.Judge(view)
		}
	}
	status.Objects = objectStates(found, verdict)
	status.Problems = append(status.Problems, objectProblems(found, verdict)...)

	var asking errgroup.Group
	var prune *Prune
	var pruneProblems, daemonProblems []Problem
	asking.Go(func() error {
		prune, pruneProblems = i.pruneState(ctx, found.CronJob, pods)
		return nil
	})
	var serviceProblems []Problem
	if verdict.Ready && found.Service != nil {
		asking.Go(func() error {
			serviceProblems = i.serviceState(ctx, verdict.Pod)
			return nil
		})
	}
	if verdict.Ready {
		asking.Go(func() error {
			status.Daemon, status.Disk, daemonProblems = i.daemonState(ctx, verdict.Pod.Name)
			return nil
		})
	}
	_ = asking.Wait()
	if err := ctx.Err(); errors.Is(err, context.Canceled) {
		return status, err
	}
	status.Prune = prune
	status.Problems = slices.Concat(status.Problems, serviceProblems, daemonProblems, pruneProblems)
	status.Healthy = true
	for _, problem := range status.Problems {
		status.Healthy = status.Healthy && problem.Severity != SeverityError
	}
	return status, nil
}

// serviceState tells whether jobs reach the pod by the Service's name.
func (i Instance) serviceState(ctx context.Context, pod *corev1.Pod) []Problem {
	endpoints, err := i.Cluster.Endpoints(ctx, i.Name)
	if err != nil {
		return []Problem{{
			Object: "service/" + i.Name, Reason: "EndpointsUnknown", Severity: SeverityWarning,
			Message: "Whether the Service leads to the pod could not be read: " + err.Error(),
			Hint:    hintFor(err, "list endpointslices.discovery.k8s.io", "`dindctl status` looks again."),
		}}
	}
	if cluster.LeadsTo(endpoints, pod) {
		return nil
	}
	cause := i.Cluster.NoEndpoint(i.Name, pod.Name)
	return []Problem{{cause.Object.String(), cause.Reason, cause.Message, cause.Hint, SeverityError}}
}

// hintFor is the way out of an error: the permission to ask for where that is
// what was missing, and otherwise the given hint.
func hintFor(err error, permission, otherwise string) string {
	if apierrors.IsForbidden(err) {
		return "Ask for the permission to " + permission + "; `dindctl check --print-role` prints all that dindctl uses."
	}
	return otherwise
}

func pointers(pods []corev1.Pod) []*corev1.Pod {
	list := make([]*corev1.Pod, len(pods))
	for i := range pods {
		list[i] = &pods[i]
	}
	return list
}

// daemonState asks the daemon and its file system, at the same time. A nil
// answer always comes with a problem that says why.
func (i Instance) daemonState(ctx context.Context, pod string) (info *daemon.Info, disk *Disk, problems []Problem) {
	object := cluster.Ref{Kind: "Pod", Namespace: i.Cluster.Namespace, Name: pod}.String()
	var usage *daemon.DiskUsage
	var volume *fileSystem
	var engineErr, usageErr, volumeErr error
	var group errgroup.Group
	group.Go(func() error {
		volume, volumeErr = i.fileSystem(ctx, pod)
		return nil
	})
	group.Go(func() error {
		engine, err := i.Engine(ctx, i.Cluster, pod)
		if err != nil {
			engineErr = err
			return nil
		}
		defer engine.Close()
		var questions errgroup.Group
		questions.Go(func() error {
			answer, err := engine.Info(ctx)
			if err == nil {
				info = &answer
			}
			engineErr = err
			return nil
		})
		questions.Go(func() error {
			answer, err := engine.DiskUsage(ctx)
			if err == nil {
				usage = &answer
			}
			usageErr = err
			return nil
		})
		return questions.Wait()
	})
	_ = group.Wait()

	if engineErr != nil {
		problems = append(problems, Problem{
			Object: object, Reason: "DaemonUnreachable", Severity: SeverityError,
			Message: (&DaemonError{Pod: pod, Err: engineErr}).Error(),
			Hint:    hintFor(engineErr, "create pods/portforward", fmt.Sprintf("kubectl logs -n %s %s", i.Cluster.Namespace, pod)),
		})
	}
	if usageErr != nil && engineErr == nil {
		problems = append(problems, Problem{
			Object: object, Reason: "DiskUsageUnknown", Severity: SeverityWarning,
			Message: "The daemon does not say what its images and cache use: " + usageErr.Error(),
			Hint:    fmt.Sprintf("kubectl logs -n %s %s", i.Cluster.Namespace, pod),
		})
	}
	if volumeErr != nil {
		problems = append(problems, Problem{
			Object: object, Reason: "FileSystemUnknown", Severity: SeverityWarning,
			Message: "The size of the file system could not be read: " + volumeErr.Error(),
			Hint: hintFor(volumeErr, "create pods/exec",
				fmt.Sprintf("kubectl exec -n %s %s -- df %s", i.Cluster.Namespace, pod, dind.DataRoot)),
		})
	}
	return info, newDisk(volume, usage), problems
}

// objectProblems are the problems that the objects themselves show.
func objectProblems(found cluster.Inventory, verdict cluster.Verdict) []Problem {
	var problems []Problem
	missing := func(kind string) {
		problems = append(problems, Problem{
			Object: kind, Reason: "Missing", Severity: SeverityError,
			Message: "The " + kind + " does not exist.", Hint: "`dindctl install` makes it again.",
		})
	}
	if found.Deployment == nil {
		missing("Deployment")
	}
	if found.Service == nil {
		missing("Service")
	}
	if found.Claim == nil {
		missing("PersistentVolumeClaim")
	}
	if found.Deployment == nil || verdict.Ready {
		return problems
	}
	problem := Problem{
		Object: "deployment/" + found.Deployment.Name, Reason: "NotReady", Severity: SeverityError,
		Message: "The pod is not ready: " + verdict.Now + ".",
		Hint:    "It may just be starting: `dindctl status --watch` follows it.",
	}
	if replicas := found.Deployment.Spec.Replicas; replicas != nil && *replicas == 0 {
		problem.Reason, problem.Message = "ScaledToZero", "The Deployment is scaled to zero: no daemon runs."
		problem.Hint = "`dindctl install` scales it back to one."
	}
	if cause := verdict.Cause; cause != nil {
		problem.Object, problem.Reason, problem.Message, problem.Hint = cause.Object.String(), cause.Reason, cause.Message, cause.Hint
	}
	return append(problems, problem)
}

// objectStates are the objects in the order they are shown in.
func objectStates(found cluster.Inventory, verdict cluster.Verdict) []ObjectState {
	var states []ObjectState
	add := func(kind, name, state string, ready bool, detail ...string) {
		states = append(states, ObjectState{kind, name, state, ready, strings.Join(detail, ", ")})
	}
	if c := found.Claim; c != nil {
		size := c.Status.Capacity[corev1.ResourceStorage]
		detail := []string{className(c)}
		if !size.IsZero() {
			detail = append([]string{size.String()}, detail...)
		}
		add("PersistentVolumeClaim", c.Name, string(c.Status.Phase), c.Status.Phase == corev1.ClaimBound, detail...)
	}
	if v := found.PersistentVolume; v != nil {
		add("PersistentVolume", v.Name, string(v.Status.Phase), v.Status.Phase == corev1.VolumeBound, localPath(v))
	}
	if d := found.Deployment; d != nil {
		state, detail := "NotReady", verdict.Now
		if verdict.Ready {
			state = "Ready"
			detail = fmt.Sprintf("pod %s on node %s", verdict.Pod.Name, verdict.Pod.Spec.NodeName)
		}
		add("Deployment", d.Name, state, verdict.Ready, detail)
	}
	if s := found.Service; s != nil {
		var ports []string
		for _, port := range s.Spec.Ports {
			ports = append(ports, fmt.Sprintf("%d/%s", port.Port, port.Protocol))
		}
		add("Service", s.Name, string(s.Spec.Type), true, strings.Join(ports, " "))
	}
	if c := found.ConfigMap; c != nil {
		add("ConfigMap", c.Name, "Present", true)
	}
	if c := found.CronJob; c != nil {
		state := "Scheduled"
		if c.Spec.Suspend != nil && *c.Spec.Suspend {
			state = "Suspended"
		}
		add("CronJob", c.Name, state, state == "Scheduled", c.Spec.Schedule)
	}
	if n := found.NetworkPolicy; n != nil {
		// Nothing in the API tells whether a network plugin enforces policies.
		add("NetworkPolicy", n.Name, "Created", true, "enforcement depends on the network plugin")
	}
	return states
}

func localPath(volume *corev1.PersistentVolume) string {
	if volume.Spec.Local == nil {
		return ""
	}
	return volume.Spec.Local.Path
}
