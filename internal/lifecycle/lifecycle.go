// Package lifecycle holds the use cases: check, install, status, prune, verify
// and uninstall. Files are sorted by command, and each phase of install is a
// file. The package never prints, exits, or reads flags or the environment: it
// reports to a progress.Observer and returns results.
package lifecycle

import (
	"context"
	"fmt"
	"time"

	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/progress"
)

// Instance is one installation, which may not exist yet: the name it has or
// would have, in the namespace of the cluster connection.
type Instance struct {
	Cluster *kube.Cluster
	Name    string
	// Alone leaves out the other replicas of the installation.
	Alone    bool
	Observer progress.Observer
	// Connect connects to the Docker daemon in a pod; outside of tests it is
	// PortForward.
	Connect func(c *kube.Cluster, pod string) (Link, error)
	// Now returns the current time.
	Now func() time.Time
}

// NotInstalledError is returned when there is no installation of that name.
type NotInstalledError struct {
	Namespace, Name string
	// Claim is the claim that an earlier installation left, "" if there is none.
	Claim string
}

func (e *NotInstalledError) Error() string {
	return fmt.Sprintf("%s is not installed in namespace %s", e.Name, e.Namespace)
}

// target names the cluster and the namespace.
func (i Instance) target() string { return i.Cluster.Where() }

// elsewhere returns the namespace of an object that is in another one than the
// installation, "" for all others.
func (i Instance) elsewhere(ref kube.Ref) string {
	if ref.Namespace == i.Cluster.Namespace {
		return ""
	}
	return ref.Namespace
}

// deleteAll deletes the objects and returns those that are gone, in the order of
// the items, also if others remain. The error is that of kube.Cluster.Delete.
func (i Instance) deleteAll(ctx context.Context, items []kube.Item) ([]kube.Ref, error) {
	gone := make([]bool, len(items))
	err := i.Cluster.Delete(ctx, items, func(n int) { gone[n] = true })
	var refs []kube.Ref
	for n, item := range items {
		if gone[n] {
			refs = append(refs, item.Ref)
		}
	}
	return refs, err
}
