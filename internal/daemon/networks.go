package daemon

import (
	"context"

	"github.com/moby/moby/client"
)

// Networks returns the number of user-defined networks.
func (e *Engine) Networks(ctx context.Context) (int64, error) {
	networks, err := e.client.NetworkList(ctx, client.NetworkListOptions{Filters: client.Filters{}.Add("type", "custom")})
	if err != nil {
		return 0, e.explain(ctx, "list the Docker daemon's networks", err)
	}
	return int64(len(networks.Items)), nil
}
