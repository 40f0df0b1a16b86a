package dind

import (
	"errors"

	corev1 "k8s.io/api/core/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/yaml"
)

// parseAffinity decodes an affinity, as it is below affinity in the spec of a pod.
func parseAffinity(text string) (*applycore.AffinityApplyConfiguration, error) {
	var known corev1.Affinity
	if err := yaml.UnmarshalStrict([]byte(text), &known); err != nil {
		return nil, err
	}
	if known == (corev1.Affinity{}) {
		return nil, errors.New("nodeAffinity, podAffinity and podAntiAffinity are missing")
	}
	affinity := &applycore.AffinityApplyConfiguration{}
	return affinity, yaml.Unmarshal([]byte(text), affinity)
}

func (o Options) checkAffinity(errs *OptionErrors) {
	if o.Affinity == "" {
		return
	}
	if _, err := parseAffinity(o.Affinity); err != nil {
		errs.add("--affinity", "", "is not a pod's affinity: "+err.Error(),
			"The file has what is below affinity in the spec of a pod; `kubectl explain pod.spec.affinity` describes it.")
	}
}
