package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/dindctl/dindctl/hack/cluster/internal/control"
	"github.com/dindctl/dindctl/hack/cluster/internal/second"
)

// status lists the processes, then the checks of the cluster.
func (l *launcher) status(ctx context.Context, out io.Writer) error {
	healthy := true
	for _, name := range slices.Backward(stopOrder) {
		record := l.records.Load(name)
		switch {
		case record.Alive():
			fmt.Fprintf(out, "%-26s running, process %d\n", name, record.PID)
		case name == second.Name:
			fmt.Fprintf(out, "%-26s not running; `go run . join` starts it\n", name)
		case name == control.KubeRouter && record.PID == 0:
			fmt.Fprintf(out, "%-26s not started: no NetworkPolicy is enforced; `go run . up` starts it\n", name)
		default:
			healthy = false
			fmt.Fprintf(out, "%-26s not running\n", name)
		}
	}
	checks := control.Checks(l.paths, time.Time{})
	if l.records.Load(control.KubeRouter).PID != 0 {
		checks = append(checks, control.PolicyCheck())
	}
	for _, check := range checks {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := check.Run(ctx)
		cancel()
		if err == nil {
			fmt.Fprintf(out, "%-26s yes\n", check.Name)
			continue
		}
		healthy = false
		fmt.Fprintf(out, "%-26s no: %v\n", check.Name, err)
	}
	if !healthy {
		return errors.New("not healthy: start what is missing with `go run . up`")
	}
	fmt.Fprintf(out, "%-26s %s\n", "kubeconfig", l.paths.Kubeconfig("admin"))
	fmt.Fprintf(out, "%-26s %s\n", "registry", control.Registry)
	return nil
}
