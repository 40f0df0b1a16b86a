package lifecycle

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/cluster"
	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/progress"
)

// InstallOptions say how to install; what to install is dind.Options'.
type InstallOptions struct {
	CreateNamespace bool
	// SkipPreflight leaves out the checks before the first change.
	SkipPreflight bool
	// NoWait returns when the objects are applied: nothing is proved then.
	NoWait bool
}

// Installation is the outcome of Install.
type Installation struct {
	Name       string            `json:"name"`
	Namespace  string            `json:"namespace"`
	Objects    []ObjectChange    `json:"objects"`
	DockerHost string            `json:"dockerHost"`
	Variables  map[string]string `json:"variables"`
	// Daemon is what the daemon says of itself; nil with NoWait.
	Daemon          *daemon.Info `json:"daemon"`
	DurationSeconds float64      `json:"durationSeconds"`
}

// ObjectChange is what was done to one object.
type ObjectChange struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Change string `json:"change"` // created, configured, unchanged or deleted
}

// Install makes the cluster hold what the options ask for and proves that the
// daemon answers. Running it again continues where an earlier run ended and
// changes nothing that is already as it should be.
//
// What was applied is in the Installation even when an error is returned. The
// error is dind.Problems, a *cluster.NotOwnedError (nothing was changed), a
// *cluster.ApplyError, *cluster.NotReadyError, *DaemonError, or what the
// connection gives.
func (i Instance) Install(ctx context.Context, options dind.Options, how InstallOptions) (Installation, error) {
	began := i.Now()
	outcome := Installation{
		Name: i.Name, Namespace: i.Cluster.Namespace,
		DockerHost: dind.Endpoint(i.Cluster.Namespace, i.Name),
		Variables:  map[string]string{},
		Objects:    []ObjectChange{},
	}
	for _, variable := range dind.Variables(i.Cluster.Namespace, i.Name) {
		outcome.Variables[variable.Name] = variable.Value
	}
	err := i.install(ctx, options, how, &outcome)
	outcome.DurationSeconds = i.Now().Sub(began).Seconds()
	return outcome, err
}

func (i Instance) install(ctx context.Context, options dind.Options, how InstallOptions, outcome *Installation) error {
	var found cluster.Inventory
	var wanted []cluster.Desired
	var plan *cluster.Plan
	err := progress.Step(i.Observer, "Cluster", func(update func(string)) (err error) {
		update("reading what is in " + i.place())
		if found, err = i.Cluster.Read(ctx, i.installNames(options)); err != nil {
			return err
		}
		if options.ExistingClaim != "" && found.Claim == nil {
			return &ClaimMissingError{Namespace: i.Cluster.Namespace, Claim: options.ExistingClaim}
		}
		objects, err := dind.Build(options, dind.Live{Claim: found.Claim, Deployment: found.Deployment})
		if err != nil {
			return err
		}
		wanted = i.desired(objects)
		if plan, err = cluster.NewPlan(wanted, lookup(found)); err != nil {
			return err
		}
		update(i.place() + ": " + plan.Summary())
		if plan.Empty() || how.SkipPreflight {
			return nil
		}
		return i.preflight(ctx, checkInput{Instance: i, options: options, how: how, objects: objects, found: found})
	})
	if err != nil {
		return err
	}
	var applied []cluster.Applied
	err = progress.Step(i.Observer, "Objects", func(update func(string)) (err error) {
		if how.CreateNamespace && !plan.Empty() {
			created, err := i.Cluster.EnsureNamespace(ctx)
			if err != nil {
				return err
			}
			if created {
				progress.Inform(i.Observer, fmt.Sprintf("namespace %s created", i.Cluster.Namespace))
			}
		}
		applied, err = plan.Apply(ctx, func(a cluster.Applied) { update(a.Ref.String() + " " + string(a.Change)) })
		for _, a := range applied {
			outcome.Objects = append(outcome.Objects, ObjectChange{a.Ref.Kind, a.Ref.Name, string(a.Change)})
		}
		if err != nil {
			return err
		}
		removed, err := i.removeUnwanted(ctx, found, wanted)
		outcome.Objects = append(outcome.Objects, removed...)
		update(summary(outcome.Objects))
		if err != nil {
			return err
		}
		return i.retryRefused(ctx, found.Deployment, applied)
	})
	if err != nil || how.NoWait {
		return err
	}
	pod, err := i.waitReady(ctx, found, applied)
	if err != nil {
		return err
	}
	return i.prove(ctx, pod, outcome)
}

// prove asks the daemon and makes sure that the Service leads to it. The
// port-forward proves the daemon and not the way to it; the two do not depend
// on each other.
func (i Instance) prove(ctx context.Context, pod *corev1.Pod, outcome *Installation) error {
	proving, ctx := errgroup.WithContext(ctx)
	proving.Go(func() error {
		return progress.Step(i.Observer, "Daemon", func(update func(string)) error {
			update("asking the daemon through a port-forward")
			info, err := i.ask(ctx, pod)
			if err != nil {
				return err
			}
			outcome.Daemon = &info
			update(fmt.Sprintf("answers as Docker Engine %s, storage driver %s", info.Version, info.StorageDriver))
			return nil
		})
	})
	proving.Go(func() error {
		return progress.Step(i.Observer, "Service", func(update func(string)) error {
			update("waiting for it to lead to the pod")
			if err := i.Cluster.WaitEndpoint(ctx, i.Name, pod); err != nil {
				return err
			}
			update("leads to the pod")
			return nil
		})
	})
	return proving.Wait()
}

// place says where the installation is: which cluster, in the kubeconfig's
// words, and which namespace.
func (i Instance) place() string {
	if i.Cluster.Context == "" {
		return "namespace " + i.Cluster.Namespace
	}
	return fmt.Sprintf("context %s, namespace %s", i.Cluster.Context, i.Cluster.Namespace)
}

// installNames are the names of the objects that these options are about.
func (i Instance) installNames(options dind.Options) cluster.Names {
	names := i.names()
	if options.ExistingClaim != "" {
		names.Claim = options.ExistingClaim
	}
	if options.LocalPath != "" {
		names.PersistentVolume = dind.VolumeObjectName(i.Cluster.Namespace, i.Name)
		names.StorageClass = dind.LocalStorageClass
	}
	return names
}

// preflight runs the checks that ask the cluster. What they warn of is told;
// what fails ends the installation before it changed anything.
func (i Instance) preflight(ctx context.Context, input checkInput) error {
	results := runChecks(ctx, preflight(), input)
	if err := ctx.Err(); err != nil {
		return err
	}
	if failed := failedChecks(results); len(failed) > 0 {
		return &CheckFailedError{Failed: failed}
	}
	for _, result := range results {
		if result.Verdict == VerdictWarning {
			progress.Warn(i.Observer, result.Name+": "+result.Reason)
		}
	}
	return nil
}

// retryRefused makes the controllers try at once to create a pod that was
// refused before and that nothing else has changed: they would do so by
// themselves only after a pause that grows to a quarter of an hour. An
// annotation of the Deployment is copied to its ReplicaSet, whose change is
// what its controller acts on.
func (i Instance) retryRefused(ctx context.Context, before *appsv1.Deployment, applied []cluster.Applied) error {
	if cluster.EarlierRefusal(before) == nil {
		return nil
	}
	for _, a := range applied {
		if a.Ref.Kind == "Deployment" && a.Change == cluster.Unchanged {
			return i.Cluster.Annotate(ctx, i.Name, dind.RetriedAnnotation, i.Now().UTC().Format(time.RFC3339Nano))
		}
	}
	return nil
}

// ClaimMissingError says that the claim of --existing-claim does not exist.
type ClaimMissingError struct{ Namespace, Claim string }

func (e *ClaimMissingError) Error() string {
	return fmt.Sprintf("there is no claim %s in namespace %s", e.Claim, e.Namespace)
}

// desired binds the objects to the cluster, in the order they are listed in.
func (i Instance) desired(o dind.Objects) []cluster.Desired {
	var wanted []cluster.Desired
	if o.StorageClass != nil {
		wanted = append(wanted, i.Cluster.StorageClass(o.StorageClass))
	}
	if o.Volume != nil {
		wanted = append(wanted, i.Cluster.PersistentVolume(o.Volume))
	}
	if o.Claim != nil {
		wanted = append(wanted, i.Cluster.PersistentVolumeClaim(o.Claim))
	}
	wanted = append(wanted, i.Cluster.ConfigMap(o.Config), i.Cluster.Deployment(o.Deployment), i.Cluster.Service(o.Service))
	if o.CronJob != nil {
		wanted = append(wanted, i.Cluster.CronJob(o.CronJob))
	}
	if o.NetworkPolicy != nil {
		wanted = append(wanted, i.Cluster.NetworkPolicy(o.NetworkPolicy))
	}
	return wanted
}

// removeUnwanted deletes what an earlier installation with other options made
// and this one does not want. Only the clean-up and the policy are ever
// unwanted; storage is never touched here, whatever the options say.
func (i Instance) removeUnwanted(ctx context.Context, found cluster.Inventory, wanted []cluster.Desired) ([]ObjectChange, error) {
	keep := map[cluster.Ref]bool{}
	for _, want := range wanted {
		keep[want.Ref] = true
	}
	var unwanted []cluster.Item
	for _, item := range found.Items() {
		optional := item.Ref.Kind == "CronJob" || item.Ref.Kind == "NetworkPolicy"
		if optional && !keep[item.Ref] && cluster.Owned(item.Object) {
			unwanted = append(unwanted, item)
		}
	}
	gone, err := i.deleteAll(ctx, unwanted)
	var changes []ObjectChange
	for _, ref := range gone {
		changes = append(changes, ObjectChange{ref.Kind, ref.Name, "deleted"})
	}
	return changes, err
}

// summary counts the changes: "6 created", "1 configured, 5 unchanged".
func summary(changes []ObjectChange) string {
	counts := map[string]int{}
	for _, change := range changes {
		counts[change.Change]++
	}
	var parts []string
	for change, n := range counts {
		parts = append(parts, fmt.Sprintf("%d %s", n, change))
	}
	sort.Slice(parts, func(a, b int) bool {
		return parts[a][strings.Index(parts[a], " "):] < parts[b][strings.Index(parts[b], " "):]
	})
	return strings.Join(parts, ", ")
}

// waitReady waits for claim and pod together: a claim may bind only once the
// pod exists.
func (i Instance) waitReady(ctx context.Context, found cluster.Inventory, applied []cluster.Applied) (*corev1.Pod, error) {
	rollout := cluster.Rollout{Claim: found.Claim, EarlierRefusal: cluster.EarlierRefusal(found.Deployment)}
	for _, a := range applied {
		switch object := a.Object.(type) {
		case *appsv1.Deployment:
			rollout.Deployment = object
		case *corev1.PersistentVolumeClaim:
			rollout.Claim = object
		}
	}
	var pod *corev1.Pod
	err := progress.Step(i.Observer, "Pod", func(update func(string)) error {
		var told string
		var err error
		pod, err = i.Cluster.WaitReady(ctx, rollout, func(v cluster.Verdict) {
			update(v.Now)
			// A final one is the error, and told as such.
			if v.Cause != nil && !v.Cause.Final && v.Cause.Message != told {
				told = v.Cause.Message
				progress.Warn(i.Observer, v.Cause.Message)
			}
		})
		return err
	})
	return pod, err
}

// ask connects to the pod's daemon and asks what it is.
func (i Instance) ask(ctx context.Context, pod *corev1.Pod) (daemon.Info, error) {
	engine, err := i.Engine(ctx, i.Cluster, pod.Name)
	if err != nil {
		return daemon.Info{}, &DaemonError{Pod: pod.Name, Err: err}
	}
	defer engine.Close()
	info, err := engine.Info(ctx)
	if err != nil {
		return info, &DaemonError{Pod: pod.Name, Err: err}
	}
	return info, nil
}
