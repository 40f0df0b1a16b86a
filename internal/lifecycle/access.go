package lifecycle

import (
	"context"

	"github.com/dindctl/dindctl/internal/cluster"
	"github.com/dindctl/dindctl/internal/dind"
)

// Access is what a CI job needs to reach the installation. The error is a
// *NotInstalledError where there is no Service to reach it by.
func (i Instance) Access(ctx context.Context) (dind.Access, error) {
	found, err := i.Cluster.Read(ctx, cluster.Names{Service: i.Name, Claim: dind.ClaimName(i.Name)})
	if err != nil {
		return dind.Access{}, err
	}
	if found.Service == nil {
		return dind.Access{}, i.notInstalled(found)
	}
	return dind.AccessTo(i.Cluster.Namespace, i.Name, dind.ServesTLS(nil, found.Service)), nil
}
