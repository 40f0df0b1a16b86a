package cli

import (
	"context"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/dindctl/dindctl/internal/kube"
)

// completeTime is how long the cluster may take: somebody waits at the keyboard.
const completeTime = time.Second

// valuesOf returns the values of an option, from the cluster if they are there.
func (p *program) valuesOf(ctx context.Context, app *cli.App, c completion) (found []string) {
	ctx, cancel := context.WithTimeout(ctx, completeTime)
	defer cancel()
	p.streams.Err = io.Discard
	ask := func(at *cli.Context) error {
		found = p.session(at).valuesOf(ctx, c.option.Names()[0])
		return nil
	}
	app.Action = ask
	for _, command := range app.Commands {
		command.Action = ask
	}
	args, _ := scan(app, append([]string{app.Name}, c.before...))
	_ = app.RunContext(ctx, args)
	return found
}

func (s *session) valuesOf(ctx context.Context, option string) (found []string) {
	switch option {
	case "output":
		return s.formats()
	case "format":
		return slices.Sorted(maps.Keys(envFormats))
	case "context":
		found, _ = kube.Contexts(s.connection)
		return found
	}
	cluster, err := s.program.connect(s.connection)
	if err != nil {
		return nil
	}
	switch option {
	case "namespace", "from", "allow-namespace":
		found, _ = kube.Names(ctx, cluster.Client.CoreV1().Namespaces().List)
	case "local-node":
		found, _ = kube.Names(ctx, cluster.Client.CoreV1().Nodes().List)
	case "storage-class":
		found, _ = kube.Names(ctx, cluster.Client.StorageV1().StorageClasses().List)
	case "priority-class":
		found, _ = kube.Names(ctx, cluster.Client.SchedulingV1().PriorityClasses().List)
	case "runtime-class":
		found, _ = kube.Names(ctx, cluster.Client.NodeV1().RuntimeClasses().List)
	case "existing-claim":
		found, _ = kube.Names(ctx, cluster.Client.CoreV1().PersistentVolumeClaims(cluster.Namespace).List)
	case "name":
		installations, _ := cluster.Installations(ctx, cluster.Namespace)
		for _, one := range installations {
			found = append(found, one.Name)
		}
	}
	return found
}
