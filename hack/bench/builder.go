package main

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/dindctl/dindctl/internal/dind"
)

// builder is what builds for jobs, in its own pod.
type builder struct {
	workload, container string
	data                string // the directory of its volume
}

var (
	daemon = builder{"deployment/" + dind.DefaultName, dind.ContainerName, dind.DataRoot}
	// buildxBuilder is what buildx's Kubernetes driver creates for the builder "peer".
	buildxBuilder = builder{"statefulset/peer0", "buildkitd", "/var/lib/buildkit"}
)

// inBuilder runs a shell script in a builder's container and returns its output.
func (a arena) inBuilder(ctx context.Context, b builder, script string) (string, error) {
	return a.run(ctx, a.kubectl, "exec", "-n", a.namespace, b.workload, "-c", b.container, "--", "sh", "-c", script)
}

// dataBytes returns how much a builder's files take.
func (a arena) dataBytes(ctx context.Context, b builder) (int64, error) {
	out, err := a.inBuilder(ctx, b, "sync; du -skx "+b.data)
	if err != nil {
		return 0, err
	}
	number, _, _ := strings.Cut(out, "\t")
	kilobytes, err := strconv.ParseInt(number, 10, 64)
	return 1024 * kilobytes, err
}

// restart replaces a builder's pod and waits until the new one is ready.
func (a arena) restart(ctx context.Context, b builder) error {
	if _, err := a.run(ctx, a.kubectl, "rollout", "restart", "-n", a.namespace, b.workload); err != nil {
		return err
	}
	_, err := a.run(ctx, a.kubectl, "rollout", "status", "-n", a.namespace, b.workload)
	return err
}

// traffic is what a pod has received and sent.
type traffic struct{ received, sent int64 }

// countTraffic prints what readTraffic reads.
const countTraffic = "\ncat /proc/net/dev\n"

var interfaceLine = regexp.MustCompile(`(?m)^\s*eth0:\s*(\d+)(?:\s+\d+){7}\s+(\d+)\s`)

// readTraffic returns what the pod in which countTraffic ran has received and sent.
func readTraffic(output string) (t traffic, err error) {
	match := interfaceLine.FindStringSubmatch(output)
	if match == nil {
		return t, errors.New("the pod has no interface eth0")
	}
	if t.received, err = strconv.ParseInt(match[1], 10, 64); err != nil {
		return t, err
	}
	t.sent, err = strconv.ParseInt(match[2], 10, 64)
	return t, err
}
