package dind

import (
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	applymeta "k8s.io/client-go/applyconfigurations/meta/v1"
)

// selector is a Deployment's label selector.
type selector struct{ *metav1.LabelSelector }

// planSelector decides by which labels the daemon's pod is found. A selector
// cannot be changed once the Deployment exists, so one made by hand keeps its
// own, and the pods get the labels that it asks for.
func (p *plan) planSelector(ps *Problems, live *appsv1.Deployment) {
	p.selector = selector{&metav1.LabelSelector{MatchLabels: Selector(p.Name)}}
	if live != nil && live.Spec.Selector != nil {
		p.selector = selector{live.Spec.Selector}
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
	if matches, err := metav1.LabelSelectorAsSelector(p.selector.LabelSelector); err != nil || !matches.Matches(labels.Set(p.podLabels)) {
		ps.add("--name", p.Name, "is the name of a Deployment whose selector does not allow dindctl's labels",
			"Choose another --name, or delete that Deployment; its claim is not touched.")
	}
}

// trafficSelector is what the Service sends jobs to: the daemon's pod, and
// never the pod of a clean-up Job. A selector that would match both, or that a
// Service cannot express, is narrowed by the component's label.
func trafficSelector(s selector, podLabels, jobLabels map[string]string) map[string]string {
	traffic := maps.Clone(s.MatchLabels)
	if len(traffic) == 0 {
		traffic = map[string]string{AppLabel: podLabels[AppLabel]}
	}
	if len(s.MatchExpressions) > 0 || labels.SelectorFromSet(traffic).Matches(labels.Set(jobLabels)) {
		traffic[ComponentLabel] = podLabels[ComponentLabel]
	}
	return traffic
}

func (s selector) apply() *applymeta.LabelSelectorApplyConfiguration {
	apply := applymeta.LabelSelector().WithMatchLabels(s.MatchLabels)
	for _, e := range s.MatchExpressions {
		apply.WithMatchExpressions(applymeta.LabelSelectorRequirement().
			WithKey(e.Key).WithOperator(e.Operator).WithValues(e.Values...))
	}
	return apply
}
