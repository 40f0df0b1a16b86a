package cluster

import (
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/redact"
)

// hidden stands for a value that may be a secret: no plan, no log and no
// document ever shows one. That it changed is told.
const hidden = redact.Hidden

// withoutSecrets takes out of changes what may be a secret by where it stands:
// the values of environment variables, flags and commands, the contents of
// ConfigMaps and Secrets, foreign annotations. The names, and whether a value
// was there, stay.
func withoutSecrets(changes []FieldChange) []FieldChange {
	for i, change := range changes {
		changes[i].From = hide(change.Path, change.From)
		changes[i].To = hide(change.Path, change.To)
	}
	return changes
}

func hide(path string, value any) any {
	switch value := value.(type) {
	case nil:
		return nil
	case map[string]any:
		copied := make(map[string]any, len(value))
		for key, item := range value {
			copied[key] = hide(path+"."+key, item)
		}
		return copied
	case []any:
		copied := make([]any, len(value))
		for i, item := range value {
			copied[i] = hide(path, item)
		}
		return copied
	case string:
		return hideText(path, value)
	}
	return value
}

func hideText(path, value string) any {
	switch {
	case under(path, "args"):
		// Which flags there are is no secret.
		name, _, joined := strings.Cut(value, "=")
		switch {
		case !flagPattern.MatchString(name):
			return hidden
		case joined:
			return name + "=" + hidden
		}
		return name
	case under(path, "command"), confidential(path):
		return hidden
	case under(path, "value") && (strings.Contains(path, ".env[") || strings.Contains(path, ".env.") || strings.Contains(path, ".httpHeaders.")):
		return hidden
	case strings.Contains(path, ".annotations.") && !strings.Contains(path, ".annotations."+FieldManager+"/"):
		return hidden
	}
	return redact.URLs(value)
}

var flagPattern = regexp.MustCompile(`^--[a-z0-9-]+$`)

// under tells whether the last part of the path is the key.
func under(path, key string) bool { return strings.HasSuffix(path, "."+key) }

// confidential tells the contents of ConfigMaps and Secrets.
func confidential(path string) bool {
	part, _, _ := strings.Cut(path, ".")
	switch part {
	case "data", "stringData", "binaryData":
		return true
	}
	return false
}

// secrets are the values in the specifications of the Deployment and its pod
// that may be secrets, for what is said about them in the cluster.
func (v View) secrets(pod *corev1.Pod) redact.Values {
	var values []string
	if pod != nil {
		values = secretsIn(pod.Spec)
	}
	if v.Deployment != nil {
		values = append(values, secretsIn(v.Deployment.Spec.Template.Spec)...)
	}
	return redact.Of(values...)
}

func secretsIn(pod corev1.PodSpec) []string {
	var values []string
	for i := range pod.Containers {
		container := &pod.Containers[i]
		for _, variable := range container.Env {
			if !harmless(variable.Name) {
				values = append(values, variable.Value)
			}
		}
		for _, arg := range container.Args {
			_, value, _ := strings.Cut(arg, "=")
			values = append(values, value)
		}
	}
	return values
}

// harmless tells the variables whose values are worth reading in a log: those
// that dindctl itself sets.
func harmless(variable string) bool {
	switch variable {
	case "DOCKER_HOST", "DOCKER_DRIVER", "DOCKER_TLS_CERTDIR", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "HOME":
		return true
	}
	return strings.HasPrefix(variable, "PRUNE_") || strings.HasPrefix(variable, "VERIFY_")
}
