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

// listening is the daemon's line in its log when it begins to answer on its port.
var listening = regexp.MustCompile(`^time="([^"]+)" level=info msg="API listen on \[::\]:` + fmt.Sprint(dind.PlainPort) + `"`)

// firstAnswer is when the daemon began to answer, by the clock of its node. That
// has to be this machine's: zero where it cannot be, as it came after it was done.
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

// lag is how long after the daemon's first answer the client's word came that it
// answers; nil where that is not known.
func (v sample) lag() *float64 {
	if v.answered.IsZero() {
		return nil
	}
	return new(v.done.Sub(v.answered).Seconds())
}

// podStart is what the cluster and the daemon take, whoever asked for them: from
// the moment at which the API server had the Deployment to the daemon's first
// answer; nil where that is not known.
func (v sample) podStart() *float64 {
	for _, one := range v.requests {
		if deploymentWritten.MatchString(one.verb + " " + one.uri) {
			if seconds := v.answered.Sub(one.answered).Seconds(); seconds > 0 {
				return &seconds
			}
		}
	}
	return nil
}

// deploymentWritten is a request that makes the Deployment.
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
