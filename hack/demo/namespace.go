package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
)

// markLabel tells a namespace that an earlier demo left from one that only has
// the same name, in a cluster that is not ours to clean.
const markLabel = "dindctl/demo"

// mark labels the namespace, which install has made.
func (d demo) mark(ctx context.Context) error {
	patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:"true"}}}`, markLabel)
	_, err := d.client.CoreV1().Namespaces().Patch(ctx, namespace, types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}

// clear removes what a demo left that could not end properly.
func (d demo) clear(ctx context.Context) error {
	found, err := d.client.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("asking the cluster: %w", err)
	}
	if found.Labels[markLabel] == "" && !d.embedded {
		return fmt.Errorf("there is a namespace %s that this demo did not make: remove it first", namespace)
	}
	fmt.Println("removing what an earlier demo left")
	return d.removeNamespace(ctx)
}

// removeNamespace deletes the namespace and waits until it is gone.
func (d demo) removeNamespace(ctx context.Context) error {
	namespaces := d.client.CoreV1().Namespaces()
	// Jobs that were interrupted need no time to say goodbye.
	_ = d.client.CoreV1().Pods(namespace).DeleteCollection(ctx,
		metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))}, metav1.ListOptions{LabelSelector: "app!=docker-dind"})
	if err := namespaces.Delete(ctx, namespace, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("removing namespace %s: %w", namespace, err)
	}
	err := wait.PollUntilContextCancel(ctx, 200*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		_, err := namespaces.Get(ctx, namespace, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return true, nil
		}
		return false, nil
	})
	if err != nil {
		return errors.Join(fmt.Errorf("namespace %s is still being removed", namespace), err)
	}
	return nil
}
