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

// markLabel marks the namespaces that a demo created. In a cluster that is not the
// embedded one, no other namespace is deleted.
const markLabel = "dindctl/demo"

// mark labels the namespace, which install has created.
func (d demo) mark(ctx context.Context) error {
	patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:"true"}}}`, markLabel)
	_, err := d.client.CoreV1().Namespaces().Patch(ctx, namespace, types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}

// clear removes what an interrupted demo left.
func (d demo) clear(ctx context.Context) error {
	found, err := d.client.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("asking the cluster: %w", err)
	}
	if found.Labels[markLabel] == "" && !d.embedded {
		return fmt.Errorf("there is a namespace %s that no demo created: delete it first", namespace)
	}
	fmt.Println("removing what an earlier demo left")
	return d.removeNamespace(ctx)
}

// removeNamespace deletes the namespace and waits until it is gone.
func (d demo) removeNamespace(ctx context.Context) error {
	namespaces := d.client.CoreV1().Namespaces()
	// Interrupted jobs need no time to stop.
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
