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

// lag is the time between the daemon's first answer and the client's word that
// it answers. It goes by the clock of the node, which has to be this machine's:
// nil where it cannot be.
func (s setting) lag(ctx context.Context, namespace string, done time.Time) (*float64, error) {
	pods, err := s.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=" + dind.DefaultName})
	if err != nil {
		return nil, fmt.Errorf("looking for the daemon's pod: %w", err)
	}
	for _, pod := range pods.Items {
		log, err := s.client.CoreV1().Pods(namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: dind.ContainerName}).Stream(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading the daemon's log: %w", err)
		}
		answered, found := firstAnswer(log)
		_ = log.Close()
		if seconds := done.Sub(answered).Seconds(); found && seconds > 0 {
			return &seconds, nil
		}
	}
	return nil, nil
}

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
