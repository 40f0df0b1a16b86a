package dind

import (
	"errors"
	"strings"
	"unicode/utf8"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/dindctl/dindctl/internal/kube"
)

func (o Options) checkResources(errs *OptionErrors) {
	checkResource(errs, "cpu", o.CPURequest, o.CPULimit, "500m or 2", false)
	checkResource(errs, "memory", o.MemoryRequest, o.MemoryLimit, "512Mi or 4Gi", true)
}

func checkResource(errs *OptionErrors, name, request, limit, example string, whole bool) {
	// parse returns zero if the value is not set or not valid.
	parse := func(option, value string) resource.Quantity {
		if value == "" || value == NoRequest && strings.HasSuffix(option, "-request") {
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
	checkPairs(errs, "--node-selector", o.NodeSelector, true, func(pair, key, value string) {
		if key == corev1.LabelOSStable && value != string(corev1.Linux) {
			errs.add("--node-selector", pair, "selects no Linux node", "The daemon runs on Linux only. "+omitIt)
		}
	})
	checkMarks(errs, "--pod-label", o.PodLabels, true)
	checkMarks(errs, "--pod-annotation", o.PodAnnotations, false)
	for _, s := range o.Tolerations {
		if _, err := parseToleration(s); err != nil {
			errs.add("--toleration", s, err.Error(), "Use key[=value][:effect], for example dedicated=ci:NoSchedule.")
		}
	}
	if o.PriorityClass != "" {
		checkObjectName(errs, "--priority-class", o.PriorityClass, "PriorityClass")
	}
	if o.RuntimeClass != "" {
		checkObjectName(errs, "--runtime-class", o.RuntimeClass, "RuntimeClass")
	}
	if o.ServiceAccount != "" {
		checkObjectName(errs, "--service-account", o.ServiceAccount, "ServiceAccount")
	}
}

// checkMarks checks labels of objects, or else annotations.
func checkMarks(errs *OptionErrors, option string, list []string, labels bool) {
	checkPairs(errs, option, list, labels, func(pair, key, _ string) {
		if reservedMark(key) {
			errs.add(option, pair, "has a key that dindctl or Kubernetes sets", "Use another key.")
		}
	})
}

// checkPairs checks KEY=VALUE pairs of labels, or else of annotations, and calls more with
// each that is valid.
func checkPairs(errs *OptionErrors, option string, list []string, labels bool, more func(pair, key, value string)) {
	kind, hint := "annotation", "A key is a name, or a DNS name, a slash and a name."
	if labels {
		kind, hint = "label", "A label is a name, or a DNS name, a slash and a name; a name or value has at most 63 letters, digits, '-', '_' and '.'."
	}
	seen := map[string]string{}
	for _, pair := range list {
		key, value, ok := strings.Cut(pair, "=")
		earlier, again := seen[key]
		switch {
		case !ok:
			errs.add(option, pair, "has no value", "Use key=value.")
		case len(validation.IsQualifiedName(key)) > 0:
			errs.add(option, pair, "has a key that is not a valid "+kind+" key", hint)
		case labels && len(validation.IsValidLabelValue(value)) > 0:
			errs.add(option, pair, "has a value that is not a valid label value", hint)
		case !utf8.ValidString(value):
			errs.add(option, pair, "is not valid UTF-8", useUTF8)
		case again && earlier != value:
			errs.add(option, pair, "sets another value of the same "+kind, omitOne)
		default:
			more(pair, key, value)
		}
		seen[key] = value
	}
}

// reservedMark reports whether a label or annotation of pods has a meaning that an option
// must not change.
func reservedMark(key string) bool {
	switch key {
	case AppLabel, NameLabel, VersionLabel, ComponentLabel, kube.InstanceLabel, kube.ManagedByLabel,
		appsv1.DefaultDeploymentUniqueLabelKey, "job-name", "controller-uid":
		return true
	}
	return strings.HasPrefix(key, "dindctl/") || strings.HasPrefix(key, "batch.kubernetes.io/")
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
