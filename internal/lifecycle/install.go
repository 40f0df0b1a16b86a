package lifecycle

import (
	"context"

	"github.com/dindctl/dindctl/internal/apply"
	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/progress"
)

// InstallOptions say how to install; dind.Options say what to install.
type InstallOptions struct {
	CreateNamespace bool
	// SkipPreflight leaves out the checks before the first change.
	SkipPreflight bool
	// NoWait returns after the objects are applied, without waiting or verifying.
	NoWait bool
	// Adopt takes over objects of the same names that dindctl did not create.
	Adopt bool
	// WhenIdle waits until nothing runs in a pod before it is restarted.
	WhenIdle bool
	// RotateCertificates creates new certificates under a new authority.
	RotateCertificates bool
	// VerifyJob verifies from inside the cluster at the end, as Verify does.
	VerifyJob bool
	// ReuseOptions says that the options began with those of the last install.
	ReuseOptions bool
	// DryRun changes nothing, and returns what would change by the API server's
	// answers to dry runs.
	DryRun bool
}

// Installation is the result of Install.
type Installation struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	// DryRun is "server" for a dry run and "" otherwise.
	DryRun     string            `json:"dryRun,omitempty"`
	Objects    []ObjectChange    `json:"objects"`
	DockerHost string            `json:"dockerHost"`
	Variables  map[string]string `json:"variables"`
	// Restart is nil if no running daemon was restarted.
	Restart *Restart `json:"restart,omitempty"`
	// Daemon is what the daemon says about itself; nil with NoWait and DryRun.
	Daemon *daemon.Info `json:"daemon"`
	// Verification is the result of a Job; nil without VerifyJob.
	Verification *Verification `json:"verification,omitempty"`
	// Replicas are the results of the other replicas.
	Replicas        []Installation `json:"replicas,omitempty"`
	DurationSeconds float64        `json:"durationSeconds"`
}

// Install installs or updates the daemon and verifies that it answers. Running it
// again resumes where an earlier run ended and leaves up-to-date objects
// unchanged.
//
// The Installation holds what was applied also if an error is returned: a
// dind.OptionErrors; a *dind.IncompatibleError, *apply.NotOwnedError, *ClaimError,
// *CheckFailedError or *BusyError (nothing was changed then); a *kube.ApplyError,
// *rollout.NotReadyError, *DaemonError, *VerifyError, or what the connection
// returns.
func (i Instance) Install(ctx context.Context, options dind.Options, how InstallOptions) (Installation, error) {
	if options.Replicas == "" {
		return i.installOne(ctx, options, how)
	}
	return i.installReplicas(ctx, options, how)
}

// installOne is Install for one replica.
func (i Instance) installOne(ctx context.Context, options dind.Options, how InstallOptions) (Installation, error) {
	began := i.Now()
	outcome := Installation{
		Name: i.Name, Namespace: i.Cluster.Namespace,
		DockerHost: dind.Endpoint(i.Cluster.Namespace, i.Name, options.TLS),
		Variables:  map[string]string{},
		Objects:    []ObjectChange{},
	}
	for _, variable := range dind.AccessTo(options).Variables {
		outcome.Variables[variable.Name] = variable.Value
	}
	err := i.install(ctx, options, how, &outcome)
	outcome.DurationSeconds = i.Now().Sub(began).Seconds()
	return outcome, err
}

// retries is how often install plans again because another install was quicker.
// Each of two concurrent installs writes each Secret once: more is no race.
const retries = 3

// install runs the phases, a file each.
func (i Instance) install(ctx context.Context, options dind.Options, how InstallOptions, outcome *Installation) error {
	var p plan
	var applied []apply.Applied
	for try := 0; ; try++ {
		var err error
		if p, err = i.plan(ctx, options, how); err != nil {
			return err
		}
		if try == 0 {
			i.reportDropped(p.found, options, how)
		}
		if how.DryRun {
			return i.dryRun(ctx, p, how, outcome)
		}
		if p, err = i.beforeRestart(ctx, p, options, how, outcome); err != nil {
			return err
		}
		if applied, err = i.apply(ctx, p, how, outcome); err == nil {
			break
		}
		if !apply.Raced(err) || try == retries {
			return err
		}
		progress.Inform(i.Observer, "another install is creating certificates at the same time: planning again")
		how.RotateCertificates = false // those of the other install are new
	}
	if how.NoWait {
		return nil
	}
	if err := i.wait(ctx, p.found, applied, options, outcome); err != nil {
		return err
	}
	i.reportEngineChange(p, outcome)
	if outcome.Daemon != nil {
		if message, hint := unusedMirrors(options, *outcome.Daemon); message != "" {
			progress.Warn(i.Observer, message+" "+hint)
		}
	}
	if !how.VerifyJob {
		return nil
	}
	return i.verifyInstalled(ctx, outcome)
}
