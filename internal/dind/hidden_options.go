package dind

import (
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/dindctl/dindctl/internal/redact"
)

// A value that may be a secret, and a certificate, is redact.Hidden wherever options are
// written: in the annotation and in files. Where options are read, it stands for the value
// that the installation has.

// hidden returns the options whose values may be hidden.
func hidden() []Option {
	return slices.DeleteFunc(Table(), func(row Option) bool { return row.Shown == nil })
}

// WithHidden returns the options with each hidden value replaced by the value of last
// that is shown like it, if there is one. Values that are shown alike keep their order.
func (o Options) WithHidden(last Options) Options {
	for _, row := range hidden() {
		values, candidates := row.Field(&o).(*[]string), slices.Clone(*row.Field(&last).(*[]string))
		*values = slices.Clone(*values)
		for i, value := range *values {
			at := slices.IndexFunc(candidates, func(candidate string) bool { return row.Shown(candidate) == value })
			if at >= 0 && strings.Contains(value, redact.Hidden) {
				(*values)[i] = candidates[at]
				candidates = slices.Delete(candidates, at, at+1)
			}
		}
	}
	return o
}

// HasHidden reports whether a value is hidden.
func (o Options) HasHidden() bool {
	var errs OptionErrors
	o.checkHidden(&errs)
	return len(errs) > 0
}

// checkHidden rejects hidden values: no installation has had them.
func (o Options) checkHidden(errs *OptionErrors) {
	for _, row := range hidden() {
		for _, value := range *row.Field(&o).(*[]string) {
			if strings.Contains(value, redact.Hidden) {
				errs.add("--"+row.Name, value, "has no value, and the installation has none to keep", "Set the value.")
			}
		}
	}
}

// live returns the options that may be hidden, as the Deployment's container has them.
func live(deployment *appsv1.Deployment) (o Options) {
	for _, container := range deployment.Spec.Template.Spec.Containers {
		if container.Name != ContainerName {
			continue
		}
		for _, variable := range container.Env {
			if variable.ValueFrom == nil {
				o.Env = append(o.Env, variable.Name+"="+spelled(variable.Value))
			}
		}
		for _, arg := range container.Args {
			o.DockerdArgs = append(o.DockerdArgs, spelled(arg))
		}
	}
	return o
}

// spelled returns the text that literal turned into this value.
func spelled(value string) string { return strings.ReplaceAll(value, "$$", "$") }
