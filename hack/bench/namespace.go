package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

// label is on every namespace of the benchmark.
const label = "dindctl/bench"

// newNamespace creates a namespace and waits for its service account, without which
// no pods can be created. The wait is not part of a contender's time.
func (s setting) newNamespace(ctx context.Context) (string, error) {
	created, err := s.client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "bench-", Labels: map[string]string{
			label: "true",
			// A cluster may enforce another level by default.
			"pod-security.kubernetes.io/enforce": "privileged",
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("creating a namespace: %w", err)
	}
	err = until(ctx, func(ctx context.Context) error {
		_, err := s.client.CoreV1().ServiceAccounts(created.Name).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
	if err != nil {
		return "", fmt.Errorf("waiting for the service account of namespace %s: %w", created.Name, err)
	}
	return created.Name, nil
}

// inNamespace works in a new namespace, which it removes.
func (s setting) inNamespace(ctx context.Context, work func(arena) error) (err error) {
	namespace, err := s.newNamespace(ctx)
	if err != nil {
		return err
	}
	defer func() {
		// Also after Ctrl-C, which cancels ctx.
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Minute)
		defer cancel()
		err = errors.Join(err, s.removeNamespace(ending, namespace))
	}()
	a, err := s.arena(namespace, s.kubeconfig)
	if err != nil {
		return err
	}
	return work(a)
}

// removeNamespace deletes a namespace and waits until it is gone, so that its
// deletion does not slow down the next contender.
func (s setting) removeNamespace(ctx context.Context, name string) error {
	if err := s.removePods(ctx, name); err != nil {
		return fmt.Errorf("removing the pods of namespace %s: %w", name, err)
	}
	namespaces := s.client.CoreV1().Namespaces()
	err := namespaces.Delete(ctx, name, metav1.DeleteOptions{})
	if err == nil {
		err = until(ctx, func(ctx context.Context) error {
			_, err := namespaces.Get(ctx, name, metav1.GetOptions{})
			if err == nil {
				return errors.New("it still exists")
			}
			return ignoreNotFound(err)
		})
	}
	if err := ignoreNotFound(err); err != nil {
		return fmt.Errorf("removing namespace %s: %w", name, err)
	}
	return nil
}

func ignoreNotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// removePods deletes the pods before their namespace. The namespace controller
// retries a namespace with pods only after half their grace period.
func (s setting) removePods(ctx context.Context, namespace string) error {
	background, all := metav1.DeleteOptions{PropagationPolicy: new(metav1.DeletePropagationBackground)}, metav1.ListOptions{}
	err := errors.Join(
		s.client.AppsV1().Deployments(namespace).DeleteCollection(ctx, background, all),
		s.client.AppsV1().StatefulSets(namespace).DeleteCollection(ctx, background, all),
		s.client.BatchV1().CronJobs(namespace).DeleteCollection(ctx, background, all),
		s.client.BatchV1().Jobs(namespace).DeleteCollection(ctx, background, all),
		s.client.CoreV1().Pods(namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, all),
	)
	if err != nil {
		return err
	}
	return until(ctx, func(ctx context.Context) error {
		pods, err := s.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		if err == nil && len(pods.Items) > 0 {
			return fmt.Errorf("%d pods remain", len(pods.Items))
		}
		return err
	})
}

// removeLeftovers removes the namespaces of a benchmark that was killed.
func (s setting) removeLeftovers(ctx context.Context) error {
	left, err := s.client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: label})
	if err != nil {
		return err
	}
	for _, namespace := range left.Items {
		if err := s.removeNamespace(ctx, namespace.Name); err != nil {
			return err
		}
	}
	return nil
}

// until calls check until it succeeds. The longest job loads thousands of images.
func until(ctx context.Context, check func(context.Context) error) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, 20*time.Minute, true, func(ctx context.Context) (bool, error) {
		last = check(ctx)
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("%w; last error: %w", err, last)
	}
	return nil
}
