package kube

import (
	"context"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Installation names one installation.
type Installation struct{ Namespace, Name string }

// Installations returns the installations of a namespace, or of all with
// metav1.NamespaceAll, sorted. A Deployment may be missing, and so a Service counts too. The
// error is a *ReadError.
func (c *Cluster) Installations(ctx context.Context, namespace string) ([]Installation, error) {
	managed := ByLabels(map[string]string{ManagedByLabel: ManagedByValue})
	deployments, err := List(ctx, c.Client.AppsV1().Deployments(namespace).List, managed)
	if err != nil {
		return nil, &ReadError{Ref: Ref{Kind: "Deployment", Name: "*"}, Err: err}
	}
	services, err := List(ctx, c.Client.CoreV1().Services(namespace).List, managed)
	if err != nil {
		return nil, &ReadError{Ref: Ref{Kind: "Service", Name: "*"}, Err: err}
	}
	var found []Installation
	add := func(object metav1.Object) {
		if name := InstanceOf(object); name != "" {
			found = append(found, Installation{object.GetNamespace(), name})
		}
	}
	for n := range deployments.Items {
		add(&deployments.Items[n])
	}
	for n := range services.Items {
		add(&services.Items[n])
	}
	slices.SortFunc(found, func(a, b Installation) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	return slices.Compact(found), nil
}
