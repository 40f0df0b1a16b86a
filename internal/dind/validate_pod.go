package dind

import (
	"errors"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

func (o Options) checkResources(ps *Problems) {
	for _, kind := range []struct {
		name, request, limit, example string
		whole                         bool
	}{
		{"cpu", o.CPURequest, o.CPULimit, "500m or 2", false},
		{"memory", o.MemoryRequest, o.MemoryLimit, "512Mi or 4Gi", true},
	} {
		request, requestOK := checkResource(ps, "--"+kind.name+"-request", kind.request, kind.example, kind.whole)
		limit, limitOK := checkResource(ps, "--"+kind.name+"-limit", kind.limit, kind.example, kind.whole)
		if requestOK && limitOK && request.Cmp(limit) > 0 {
			ps.add("--"+kind.name+"-request", kind.request, "is more than the limit of "+kind.limit,
				"Ask for less, or raise --"+kind.name+"-limit.")
		}
	}
}

// checkResource tells whether there is a valid quantity; "" is none, and fine.
func checkResource(ps *Problems, option, value, example string, whole bool) (resource.Quantity, bool) {
	if value == "" {
		return resource.Quantity{}, false
	}
	quantity, reason := parseQuantity(value, whole)
	if reason != "" {
		ps.add(option, value, reason, "Give a quantity such as "+example+".")
	}
	return quantity, reason == ""
}

func (o Options) checkPlacement(ps *Problems) {
	seen := map[string]string{}
	for _, pair := range o.NodeSelector {
		key, value, ok := strings.Cut(pair, "=")
		earlier, again := seen[key]
		switch {
		case !ok:
			ps.add("--node-selector", pair, "has no value", "Give it as key=value.")
		case len(validation.IsQualifiedName(key)) > 0:
			ps.add("--node-selector", pair, "has a key that is not a label's", "kubectl get nodes --show-labels lists them.")
		case len(validation.IsValidLabelValue(value)) > 0:
			ps.add("--node-selector", pair, "has a value that is not a label's", "kubectl get nodes --show-labels lists them.")
		case again && earlier != value:
			ps.add("--node-selector", pair, "asks for another value of the same label", "No node can have both. Keep one.")
		}
		seen[key] = value
	}
	for _, s := range o.Tolerations {
		if _, err := parseToleration(s); err != nil {
			ps.add("--toleration", s, err.Error(),
				"Give it as key[=value][:effect], for example dedicated=ci:NoSchedule.")
		}
	}
	if o.PriorityClass != "" {
		checkObjectName(ps, "--priority-class", o.PriorityClass, "a PriorityClass")
	}
}

// parseToleration reads key[=value][:effect], the way kubectl taint writes a
// taint. Without a value every value of the key is tolerated, without an
// effect every effect.
func parseToleration(s string) (corev1.Toleration, error) {
	var t corev1.Toleration
	rest, effect, hasEffect := strings.Cut(s, ":")
	if hasEffect {
		t.Effect = corev1.TaintEffect(effect)
		switch t.Effect {
		case corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute:
		default:
			return t, errors.New("has an effect other than NoSchedule, PreferNoSchedule and NoExecute")
		}
	}
	key, value, hasValue := strings.Cut(rest, "=")
	if len(validation.IsQualifiedName(key)) > 0 {
		return t, errors.New("has a key that is not a taint's")
	}
	t.Key, t.Operator = key, corev1.TolerationOpExists
	if hasValue {
		if len(validation.IsValidLabelValue(value)) > 0 {
			return t, errors.New("has a value that is not a taint's")
		}
		t.Value, t.Operator = value, corev1.TolerationOpEqual
	}
	return t, nil
}
