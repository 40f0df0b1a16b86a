package lifecycle

import (
	"context"

	"github.com/dindctl/dindctl/internal/cluster"
	"github.com/dindctl/dindctl/internal/dind"
)

// Variables are what a CI job sets to reach the installation. The error is a
// *NotInstalledError where there is no Service for them to name.
func (i Instance) Variables(ctx context.Context) ([]dind.Variable, error) {
	found, err := i.Cluster.Read(ctx, cluster.Names{Service: i.Name, Claim: dind.ClaimName(i.Name)})
	if err != nil {
		return nil, err
	}
	if found.Service == nil {
		return nil, i.notInstalled(found)
	}
	return dind.Variables(i.Cluster.Namespace, i.Name, dind.ServesTLS(nil, found.Service)), nil
}
