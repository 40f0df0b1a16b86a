package lifecycle

import (
	"context"
	"fmt"

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
	// Adopt takes over objects of the same names that dindctl did not make.
	Adopt bool
	// WhenIdle waits, before a pod is restarted, until nothing runs in it.
	WhenIdle bool
	// RotateCertificates makes new certificates under a new authority.
	RotateCertificates bool
	// VerifyJob proves the way of a CI job at the end, as Verify does, and not
	// only that the daemon answers.
	VerifyJob bool
	// DryRun changes nothing and says what would be changed.
	DryRun DryRun
	// raced counts the tries in which another install was quicker.
	raced int
}

// Installation is the outcome of Install.
type Installation struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	// DryRun is empty for what was really done.
	DryRun     DryRun            `json:"dryRun,omitempty"`
	Objects    []ObjectChange    `json:"objects"`
	DockerHost string            `json:"dockerHost"`
	Variables  map[string]string `json:"variables"`
	// Restart is nil where no running daemon was ended.
	Restart *Restart `json:"restart,omitempty"`
	// Daemon is what the daemon says of itself; nil with NoWait and DryRun.
	Daemon *daemon.Info `json:"daemon"`
	// Verification is what a Job found; nil where none was asked for.
	Verification    *Verification `json:"verification,omitempty"`
	DurationSeconds float64       `json:"durationSeconds"`
}

// Install makes the cluster hold what the options ask for and proves that the
// daemon answers. Running it again continues where an earlier run ended and
// changes nothing that is already as it should be.
//
// What was applied is in the Installation even when an error is returned. The
// error is dind.Problems; a *dind.MisfitError, *cluster.NotOwnedError or
// *BusyError (nothing was changed then); a *cluster.ApplyError,
// *cluster.NotReadyError, *DaemonError, *NotProvedError, or what the connection
// gives.
func (i Instance) Install(ctx context.Context, options dind.Options, how InstallOptions) (Installation, error) {
	began := i.Now()
	outcome := Installation{
		Name: i.Name, Namespace: i.Cluster.Namespace, DryRun: how.DryRun,
		DockerHost: dind.Endpoint(i.Cluster.Namespace, i.Name, options.TLS),
		Variables:  map[string]string{},
		Objects:    []ObjectChange{},
	}
	for _, variable := range dind.Variables(i.Cluster.Namespace, i.Name, options.TLS) {
		outcome.Variables[variable.Name] = variable.Value
	}
	err := i.install(ctx, options, how, &outcome)
	outcome.DurationSeconds = i.Now().Sub(began).Seconds()
	return outcome, err
}

func (i Instance) install(ctx context.Context, options dind.Options, how InstallOptions, outcome *Installation) error {
	p, err := i.prepare(ctx, options, how)
	if err != nil {
		return err
	}
	if how.DryRun != "" {
		return i.rehearse(ctx, p, how, outcome)
	}
	if p, err = i.beforeRestart(ctx, p, options, how, outcome); err != nil {
		return err
	}
	applied, err := i.apply(ctx, p, how, outcome)
	// Each of two installs at once writes each Secret once: more is no race.
	if cluster.Raced(err) && how.raced < 3 {
		progress.Inform(i.Observer, "another install makes certificates at the same moment: looking again")
		how.RotateCertificates = false // the other's are new
		how.raced++
		return i.install(ctx, options, how, outcome)
	}
	if err != nil || how.NoWait {
		return err
	}
	ahead := &ahead{i: i, ctx: ctx}
	defer ahead.stop()
	pod, err := i.waitReady(ctx, p.found, applied, ahead)
	if err != nil {
		return err
	}
	if err := i.waitGrown(ctx, applied); err != nil {
		return err
	}
	if err := i.prove(pod, ahead, outcome); err != nil {
		return err
	}
	i.tellEngine(p, outcome)
	if !how.VerifyJob {
		return nil
	}
	return i.verifyInstalled(ctx, outcome)
}

// apply makes the cluster hold what was planned.
func (i Instance) apply(ctx context.Context, p prepared, how InstallOptions, outcome *Installation) (applied []cluster.Applied, err error) {
	err = progress.Step(i.Observer, "Objects", func(update func(string)) (err error) {
		if how.CreateNamespace && !p.plan.Empty() {
			created, err := i.Cluster.EnsureNamespace(ctx)
			if err != nil {
				return err
			}
			if created {
				progress.Inform(i.Observer, fmt.Sprintf("namespace %s created", i.Cluster.Namespace))
			}
		}
		// Before the Secret that says where they are.
		removed, err := i.removeItems(ctx, unwanted(p.found, p.wanted).copies)
		outcome.add(removed)
		if err != nil {
			return err
		}
		applied, err = p.plan.Apply(ctx, func(a cluster.Applied) { i.tell(a, update) })
		outcome.add(i.changes(applied))
		if err != nil {
			return err
		}
		removed, err = i.removeItems(ctx, unwanted(p.found, p.wanted).rest)
		outcome.add(removed)
		update(summary(outcome.Objects))
		if err != nil {
			return err
		}
		return i.retryRefused(ctx, p.found.Deployment, applied)
	})
	return applied, err
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
	if options.TLS {
		names.ServerSecret, names.ClientSecret = dind.ServerSecretName(i.Name), dind.ClientSecretName(i.Name)
	}
	return names
}

// ClaimMissingError says that the claim of --existing-claim does not exist.
type ClaimMissingError struct{ Namespace, Claim string }

func (e *ClaimMissingError) Error() string {
	return fmt.Sprintf("there is no claim %s in namespace %s", e.Claim, e.Namespace)
}
