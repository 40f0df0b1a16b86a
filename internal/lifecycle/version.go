package lifecycle

import (
	"context"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/daemon"
)

// Versions are those of the servers that dindctl works with.
type Versions struct {
	// Kubernetes is the API server's, such as v1.36.3.
	Kubernetes string `json:"kubernetes"`
	// Daemon is nil if it is not installed or does not respond; Problem says which.
	Daemon  *daemon.Info `json:"daemon"`
	Problem string       `json:"problem,omitempty"`
}

// Versions asks the API server and, if there is an installation, its daemon. The error is
// that of the API server, or of ctx.
func (i Instance) Versions(ctx context.Context) (versions Versions, err error) {
	var pod *corev1.Pod
	var problem error
	reading, asked := errgroup.WithContext(ctx)
	reading.Go(func() error {
		server, err := i.Cluster.Version(asked)
		if err == nil {
			versions.Kubernetes = server.GitVersion
		}
		return err
	})
	reading.Go(func() error {
		_, pod, problem = i.findReady(asked)
		return nil
	})
	if err := reading.Wait(); err != nil {
		return versions, err
	}
	if problem == nil {
		problem = i.withEngine(ctx, pod, func(ctx context.Context, engine Engine) (err error) {
			versions.Daemon, err = answer(engine.Info(ctx))
			return err
		})
	}
	if problem != nil {
		versions.Problem = problem.Error()
		return versions, context.Cause(ctx)
	}
	return versions, nil
}
