package dind

import (
	"errors"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

func (o Options) checkResources(errs *OptionErrors) {
	checkResource(errs, "cpu", o.CPURequest, o.CPULimit, "500m or 2", false)
	checkResource(errs, "memory", o.MemoryRequest, o.MemoryLimit, "512Mi or 4Gi", true)
}

func checkResource(errs *OptionErrors, name, request, limit, example string, whole bool) {
	// parse returns zero if the value is not set or not valid.
	parse := func(option, value string) resource.Quantity {
		if value == "" {
			return resource.Quantity{}
		}
		quantity, reason := parseQuantity(value, whole)
		if reason != "" {
			errs.add(option, value, reason, "Use a quantity such as "+example+".")
			return resource.Quantity{}
		}
		return quantity
	}
	requested, limited := parse("--"+name+"-request", request), parse("--"+name+"-limit", limit)
	if !limited.IsZero() && requested.Cmp(limited) > 0 {
		errs.add("--"+name+"-request", request, "is more than the limit of "+limit, "Decrease it, or increase --"+name+"-limit.")
	}
}

func (o Options) checkPlacement(errs *OptionErrors) {
	const option, hint = "--node-selector", "kubectl get nodes --show-labels lists the labels."
	seen := map[string]string{}
	for _, pair := range o.NodeSelector {
		key, value, ok := strings.Cut(pair, "=")
		earlier, again := seen[key]
		switch {
		case !ok:
			errs.add(option, pair, "has no value", "Use key=value.")
		case len(validation.IsQualifiedName(key)) > 0:
			errs.add(option, pair, "has a key that is not a valid label key", hint)
		case len(validation.IsValidLabelValue(value)) > 0:
			errs.add(option, pair, "has a value that is not a valid label value", hint)
		case again && earlier != value:
			errs.add(option, pair, "requires another value of the same label", "No node can have both. Omit one of them.")
		}
		seen[key] = value
	}
	for _, s := range o.Tolerations {
		if _, err := parseToleration(s); err != nil {
			errs.add("--toleration", s, err.Error(), "Use key[=value][:effect], for example dedicated=ci:NoSchedule.")
		}
	}
	if o.PriorityClass != "" {
		checkObjectName(errs, "--priority-class", o.PriorityClass, "PriorityClass")
	}
}

// parseToleration parses key[=value][:effect], as kubectl taint writes a taint. An
// omitted value or effect matches all.
func parseToleration(s string) (corev1.Toleration, error) {
	var t corev1.Toleration
	rest, effect, hasEffect := strings.Cut(s, ":")
	if hasEffect {
		t.Effect = corev1.TaintEffect(effect)
		switch t.Effect {
		case corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute:
		default:
			return t, errors.New("has an effect other than NoSchedule, PreferNoSchedule or NoExecute")
		}
	}
	key, value, hasValue := strings.Cut(rest, "=")
	if len(validation.IsQualifiedName(key)) > 0 {
		return t, errors.New("has a key that is not a valid taint key")
	}
	t.Key, t.Operator = key, corev1.TolerationOpExists
	if hasValue {
		if len(validation.IsValidLabelValue(value)) > 0 {
			return t, errors.New("has a value that is not a valid taint value")
		}
		t.Value, t.Operator = value, corev1.TolerationOpEqual
	}
	return t, nil
}
