package lifecycle

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/dindctl/dindctl/internal/dind"
)

// checkArchitecture warns if nodes of several architectures can take the daemon: images
// that it builds, and its cache, are for the one that it runs on.
func checkArchitecture(ctx context.Context, in checkInput) []CheckResult {
	if in.objects == nil || in.options.LocalNode != "" {
		return nil
	}
	nodes, err := in.Cluster.Nodes(ctx)
	if apierrors.IsForbidden(err) {
		return nil // the check of permissions says what for
	}
	if err != nil {
		return unknown(err)
	}
	fit := architectures(nodes, in.objects)
	names := slices.Sorted(maps.Keys(fit))
	if len(names) < 2 {
		return nil
	}
	var counts []string
	for _, name := range names {
		counts = append(counts, fmt.Sprintf("%d of %s", fit[name], name))
	}
	return warning(fmt.Sprintf("Choose one, for example --node-selector %s=%s: on another, the daemon builds images for that one, without the cache.", corev1.LabelArchStable, names[0]),
		"nodes of several architectures can take the pod: %s", strings.Join(counts, ", "))
}

// architectures counts the nodes that can take the daemon's pod, by their architecture.
func architectures(nodes []corev1.Node, objects dind.Objects) map[string]int {
	fit := map[string]int{}
	pod, err := objects.Pod()
	if err != nil {
		return fit
	}
	selector := labels.SelectorFromSet(pod.Spec.NodeSelector)
	for _, node := range nodes {
		if architecture := node.Labels[corev1.LabelArchStable]; architecture != "" && !node.Spec.Unschedulable &&
			selector.Matches(labels.Set(node.Labels)) && untolerated(node.Spec.Taints, objects) == nil {
			fit[architecture]++
		}
	}
	return fit
}
