package lifecycle

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/progress"
)

// OptionsUnknownError is returned when the options of an installation cannot be read.
type OptionsUnknownError struct{ Namespace, Name string }

func (e *OptionsUnknownError) Error() string {
	return fmt.Sprintf("the options of %s in namespace %s are unknown: another version of dindctl, or somebody else, installed it", e.Name, e.Namespace)
}

// Options returns the options of the last install, with all values, and with the size
// that the claim has now. The error is a *NotInstalledError, an *OptionsUnknownError or
// a *kube.ReadError.
func (i Instance) Options(ctx context.Context) (dind.Options, error) {
	found, err := i.read(ctx, i.Cluster.Ref("Deployment", i.Name), i.Cluster.Ref("PersistentVolumeClaim", dind.ClaimName(i.Name)), i.Cluster.Ref("ConfigMap", dind.ConfigName(i.Name)))
	switch {
	case err != nil:
		return dind.Options{}, err
	case found.deployment() == nil:
		return dind.Options{}, found.notInstalled()
	}
	options, known := dind.Remembered(found.deployment())
	if !known {
		return options, &OptionsUnknownError{Namespace: i.Cluster.Namespace, Name: i.Name}
	}
	return options.ForClaim(found.claim()).WithConfig(found.config()), nil
}

// reportDropped names what the last install had and these options have not, so that
// nothing is taken back by an option that was left out, and whom the NetworkPolicy then
// shuts out.
func (i Instance) reportDropped(found installation, options dind.Options, how InstallOptions) {
	is, lose, keep := "is", "lose", "--reuse-options keeps it"
	if how.DryRun {
		is, lose = "would be", "would lose"
	}
	if how.ReuseOptions {
		keep = "repeat it to keep it"
	}
	if before, known := dind.Remembered(found.deployment()); known {
		for _, option := range before.Dropped(options) {
			progress.Warn(i.Observer, fmt.Sprintf("%s was used by the last install and %s dropped; %s", option, is, keep))
		}
	}
	policy := found.networkPolicy()
	if options.NoNetworkPolicy || found.deployment() == nil {
		return
	}
	if policy == nil {
		progress.Warn(i.Observer, fmt.Sprintf("there is no NetworkPolicy yet: with it, jobs in all namespaces but %s %s access",
			strings.Join(append([]string{options.Namespace}, options.AllowNamespaces...), ", "), lose))
		return
	}
	for _, namespace := range dind.PolicyNamespaces(policy) {
		if namespace != options.Namespace && !slices.Contains(options.AllowNamespaces, namespace) {
			progress.Warn(i.Observer, fmt.Sprintf("jobs in namespace %s %s access to the daemon", namespace, lose))
		}
	}
}
