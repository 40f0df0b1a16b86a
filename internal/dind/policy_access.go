package dind

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// AllowedNamespaces returns the other namespaces that the daemon's NetworkPolicy allows
// by their names.
func AllowedNamespaces(policy *networkingv1.NetworkPolicy) []string {
	var names []string
	for _, rule := range policy.Spec.Ingress {
		for _, from := range rule.From {
			if from.NamespaceSelector == nil {
				continue
			}
			if name := from.NamespaceSelector.MatchLabels[corev1.LabelMetadataName]; name != "" {
				names = append(names, name)
			}
		}
	}
	return unique(names)
}
