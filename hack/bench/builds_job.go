package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// buildJob runs a job and returns what it measured.
func (a arena) buildJob(ctx context.Context, job buildPod) (burst, error) {
	log, err := a.runJob(ctx, job)
	if err != nil {
		return burst{}, err
	}
	measured, err := readBursts(log)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s\n", log)
		return burst{}, err
	}
	if measured[0].failed > 0 {
		fmt.Fprintf(os.Stderr, "%s\n", log)
	}
	return measured[0], nil
}

// runJob runs a job, removes it and returns its log.
func (a arena) runJob(ctx context.Context, job buildPod) (string, error) {
	pods := a.client.CoreV1().Pods(a.namespace)
	pod, err := pods.Create(ctx, job.pod(a.namespace), metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	var end *corev1.ContainerStateTerminated
	err = until(ctx, func(ctx context.Context) error {
		now, err := pods.Get(ctx, pod.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if end = jobEnd(now); end == nil {
			return errors.New("the job has not ended")
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("waiting for pod %s: %w", pod.Name, err)
	}
	log, err := pods.GetLogs(pod.Name, &corev1.PodLogOptions{Container: jobContainer}).DoRaw(ctx)
	if err != nil {
		return "", fmt.Errorf("reading the log of pod %s: %w", pod.Name, err)
	}
	if end.ExitCode != 0 {
		return "", fmt.Errorf("the job ended with %d:\n%s", end.ExitCode, log)
	}
	return string(log), pods.Delete(ctx, pod.Name, metav1.DeleteOptions{})
}

// jobEnd returns the end of the job's container, nil while it runs. A daemon in the pod
// continues.
func jobEnd(pod *corev1.Pod) *corev1.ContainerStateTerminated {
	for _, status := range pod.Status.ContainerStatuses {
		if status.Name == jobContainer {
			return status.State.Terminated
		}
	}
	return nil
}

var measuredLine = regexp.MustCompile(`(?m)^measured: hundredths=(\d+) failed=(\d+)$`)

// readBursts returns what a job measured, at least once, from its log.
func readBursts(log string) (all []burst, err error) {
	for _, match := range measuredLine.FindAllStringSubmatch(log, -1) {
		hundredths, err := strconv.Atoi(match[1])
		if err != nil {
			return nil, err
		}
		failed, err := strconv.Atoi(match[2])
		if err != nil {
			return nil, err
		}
		all = append(all, burst{seconds: float64(hundredths) / 100, failed: failed})
	}
	if len(all) == 0 {
		return nil, errors.New("the job measured nothing, see its log above")
	}
	return all, nil
}
