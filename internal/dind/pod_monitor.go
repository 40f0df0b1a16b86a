package dind

import (
	applymeta "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

// CustomObject is the apply configuration of an object of a kind that client-go has no type
// for. Spec marshals to JSON.
type CustomObject struct {
	applymeta.TypeMetaApplyConfiguration    `json:",inline"`
	*applymeta.ObjectMetaApplyConfiguration `json:"metadata,omitempty"`
	Spec                                    any `json:"spec"`
}

// Monitor returns an object of Prometheus Operator's kind for an installation, with the
// labels by which Prometheus selects it.
func (o Options) Monitor(kind string, spec any) *CustomObject {
	object := &CustomObject{
		ObjectMetaApplyConfiguration: applymeta.ObjectMeta().WithName(o.Name).WithNamespace(o.Namespace).
			WithLabels(pairs(o.MetricsLabels)).WithLabels(o.MonitoringLabels()),
		Spec: spec,
	}
	object.WithKind(kind).WithAPIVersion(kube.PodMonitors.GroupVersion().String())
	return object
}

// MonitoringLabels are on all objects for monitoring. Alerts and dashboard have no others of
// dindctl, because it only prints them.
func (o Options) MonitoringLabels() map[string]string {
	return map[string]string{AppLabel: o.Name, ComponentLabel: "monitoring"}
}

// podMonitor returns the object that tells Prometheus to scrape the daemon's pod. See
// https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.PodMonitor
func (p plan) podMonitor() *CustomObject {
	type endpoint struct {
		Port string `json:"port"`
		Path string `json:"path"`
	}
	type spec struct {
		Selector  *applymeta.LabelSelectorApplyConfiguration `json:"selector"`
		Endpoints []endpoint                                 `json:"podMetricsEndpoints"`
	}
	monitor := p.Monitor("PodMonitor", spec{
		Selector:  applymeta.LabelSelector().WithMatchLabels(p.traffic),
		Endpoints: []endpoint{{MetricsPortName, MetricsPath}},
	})
	monitor.WithLabels(p.labels())
	return monitor
}
