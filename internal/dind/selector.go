package dind

import (
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	applymeta "k8s.io/client-go/applyconfigurations/meta/v1"
)

// planSelector sets the labels that select the daemon's pod. The selector of a
// Deployment is immutable, so a live Deployment keeps its selector, and the pods get
// the labels that it requires.
func (p *plan) planSelector(errs *OptionErrors, live *appsv1.Deployment) {
	p.selector = &metav1.LabelSelector{MatchLabels: Selector(p.Name)}
	if live != nil && live.Spec.Selector != nil {
		p.selector = live.Spec.Selector
	}
	p.podLabels = p.labels()
	p.podLabels[ComponentLabel] = DaemonComponent
	maps.Copy(p.podLabels, p.selector.MatchLabels)
	for _, e := range p.selector.MatchExpressions {
		if _, ok := p.podLabels[e.Key]; !ok && e.Operator == metav1.LabelSelectorOpExists {
			p.podLabels[e.Key] = ""
		}
		if e.Operator == metav1.LabelSelectorOpIn && len(e.Values) > 0 {
			p.podLabels[e.Key] = e.Values[0]
		}
	}
	p.traffic = trafficSelector(p.selector, p.podLabels, p.jobLabels())
	if !matches(p.selector, p.podLabels) {
		errs.add("--name", p.Name, "is the name of a Deployment whose selector does not allow dindctl's labels",
			"Choose another --name, or delete that Deployment; this does not delete its claim.")
	}
}

// trafficSelector returns a selector for the Service that matches the daemon's pod
// and never the pods of prune Jobs. If the Deployment's selector matches both, or if
// a Service cannot express it, the component label is added.
func trafficSelector(s *metav1.LabelSelector, podLabels, jobLabels map[string]string) map[string]string {
	traffic := maps.Clone(s.MatchLabels)
	if len(traffic) == 0 {
		traffic = map[string]string{AppLabel: podLabels[AppLabel]}
	}
	if len(s.MatchExpressions) > 0 || labels.SelectorFromSet(traffic).Matches(labels.Set(jobLabels)) {
		traffic[ComponentLabel] = podLabels[ComponentLabel]
	}
	return traffic
}

func applySelector(s *metav1.LabelSelector) *applymeta.LabelSelectorApplyConfiguration {
	apply := applymeta.LabelSelector().WithMatchLabels(s.MatchLabels)
	for _, e := range s.MatchExpressions {
		apply.WithMatchExpressions(applymeta.LabelSelectorRequirement().
			WithKey(e.Key).WithOperator(e.Operator).WithValues(e.Values...))
	}
	return apply
}

// matches reports whether the selector matches the labels. As in a NetworkPolicy, nil
// matches all.
func matches(selector *metav1.LabelSelector, set map[string]string) bool {
	if selector == nil {
		return true
	}
	compiled, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && compiled.Matches(labels.Set(set))
}
