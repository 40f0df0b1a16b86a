package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"regexp"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/dind"
)

// listening matches the daemon's log line when it opens its port.
var listening = regexp.MustCompile(`^time="([^"]+)" level=info msg="API listen on \[::\]:` + fmt.Sprint(dind.PlainPort) + `"`)

// firstAnswer returns when the daemon opened its port, by the clock of its node, which
// must be the clock of this machine. It returns zero if that is unknown, or if the time
// is after done, because the clocks differ then.
func (s setting) firstAnswer(ctx context.Context, namespace string, done time.Time) (time.Time, error) {
	pods, err := s.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=" + dind.DefaultName})
	if err != nil {
		return time.Time{}, fmt.Errorf("looking for the daemon's pod: %w", err)
	}
	for _, pod := range pods.Items {
		log, err := s.client.CoreV1().Pods(namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: dind.ContainerName}).Stream(ctx)
		if err != nil {
			return time.Time{}, fmt.Errorf("reading the daemon's log: %w", err)
		}
		answered, found := firstAnswer(log)
		_ = log.Close()
		if found && answered.Before(done) {
			return answered, nil
		}
	}
	return time.Time{}, nil
}

// lag returns the time from the daemon's first answer to the end of the client, nil if
// it is unknown.
func (v sample) lag() *float64 {
	if v.answered.IsZero() {
		return nil
	}
	return new(v.done.Sub(v.answered).Seconds())
}

// podStart returns the time that the cluster and the daemon take for any client: from
// the creation of the Deployment to the daemon's first answer. It returns nil if that
// is unknown.
func (v sample) podStart() *float64 {
	for _, r := range v.requests {
		if deploymentWritten.MatchString(r.verb + " " + r.uri) {
			if seconds := v.answered.Sub(r.answered).Seconds(); seconds > 0 {
				return &seconds
			}
		}
	}
	return nil
}

// deploymentWritten matches a request that creates the Deployment.
var deploymentWritten = regexp.MustCompile(`^(create|patch) /apis/apps/v1/namespaces/[^/]+/deployments(/[^/?]+)?(\?|$)`)

func firstAnswer(log io.Reader) (time.Time, bool) {
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if match := listening.FindStringSubmatch(lines.Text()); match != nil {
			at, err := time.Parse(time.RFC3339Nano, match[1])
			return at, err == nil
		}
	}
	return time.Time{}, false
}
