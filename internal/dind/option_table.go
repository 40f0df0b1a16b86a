package dind

import (
	"reflect"
	"slices"
	"strings"

	"github.com/dindctl/dindctl/internal/redact"
)

// Option is one row of the table of options.
type Option struct {
	// Name is the name of the flag, without dashes.
	Name string
	// Field returns a pointer to the option's field: *string, *[]string or *bool.
	Field func(*Options) any
	// Shown returns one value of the list without what may be a secret, or is too long to
	// be shown. It is nil if the values are neither.
	Shown func(string) string
}

// Table returns all options that shape the objects, except the namespace and the name.
func Table() []Option {
	return []Option{
		{Name: "replicas", Field: func(o *Options) any { return &o.Replicas }},
		{Name: "image", Field: func(o *Options) any { return &o.Image }},
		{Name: "image-pull-secret", Field: func(o *Options) any { return &o.ImagePullSecrets }},
		{Name: "storage-size", Field: func(o *Options) any { return &o.StorageSize }},
		{Name: "storage-class", Field: func(o *Options) any { return &o.StorageClass }},
		{Name: "existing-claim", Field: func(o *Options) any { return &o.ExistingClaim }},
		{Name: "local-path", Field: func(o *Options) any { return &o.LocalPath }},
		{Name: "local-node", Field: func(o *Options) any { return &o.LocalNode }},
		{Name: "registry-mirror", Field: func(o *Options) any { return &o.RegistryMirrors }},
		{Name: "registry-ca", Field: func(o *Options) any { return &o.RegistryCAs }, Shown: shownPair},
		{Name: "insecure-registry", Field: func(o *Options) any { return &o.InsecureRegistries }},
		{Name: "storage-driver", Field: func(o *Options) any { return &o.StorageDriver }},
		{Name: "mtu", Field: func(o *Options) any { return &o.MTU }},
		{Name: "address-pool", Field: func(o *Options) any { return &o.AddressPools }},
		{Name: "env", Field: func(o *Options) any { return &o.Env }, Shown: shownPair},
		{Name: "env-from-secret", Field: func(o *Options) any { return &o.EnvFromSecrets }},
		{Name: "dockerd-arg", Field: func(o *Options) any { return &o.DockerdArgs }, Shown: redact.Flag},
		{Name: "cpu-request", Field: func(o *Options) any { return &o.CPURequest }},
		{Name: "memory-request", Field: func(o *Options) any { return &o.MemoryRequest }},
		{Name: "cpu-limit", Field: func(o *Options) any { return &o.CPULimit }},
		{Name: "memory-limit", Field: func(o *Options) any { return &o.MemoryLimit }},
		{Name: "node-selector", Field: func(o *Options) any { return &o.NodeSelector }},
		{Name: "toleration", Field: func(o *Options) any { return &o.Tolerations }},
		{Name: "priority-class", Field: func(o *Options) any { return &o.PriorityClass }},
		{Name: "affinity", Field: func(o *Options) any { return &o.Affinity }},
		{Name: "runtime-class", Field: func(o *Options) any { return &o.RuntimeClass }},
		{Name: "service-account", Field: func(o *Options) any { return &o.ServiceAccount }},
		{Name: "pod-label", Field: func(o *Options) any { return &o.PodLabels }},
		{Name: "pod-annotation", Field: func(o *Options) any { return &o.PodAnnotations }},
		{Name: "drain-timeout", Field: func(o *Options) any { return &o.DrainTimeout }},
		{Name: "allow-eviction", Field: func(o *Options) any { return &o.AllowEviction }},
		{Name: "cache-limit", Field: func(o *Options) any { return &o.CacheLimit }},
		{Name: "high-water", Field: func(o *Options) any { return &o.HighWater }},
		{Name: "prune-schedule", Field: func(o *Options) any { return &o.PruneSchedule }},
		{Name: "prune-timezone", Field: func(o *Options) any { return &o.PruneTimezone }},
		{Name: "prune-unused-for", Field: func(o *Options) any { return &o.PruneUnusedFor }},
		{Name: "max-container-age", Field: func(o *Options) any { return &o.MaxContainerAge }},
		{Name: "allow-namespace", Field: func(o *Options) any { return &o.AllowNamespaces }},
		{Name: "publish-ports", Field: func(o *Options) any { return &o.PublishPorts }},
		{Name: "tls", Field: func(o *Options) any { return &o.TLS }},
		{Name: "tls-secret", Field: func(o *Options) any { return &o.TLSSecret }},
		{Name: "tls-client-secret", Field: func(o *Options) any { return &o.TLSClientSecret }},
		{Name: "no-network-policy", Field: func(o *Options) any { return &o.NoNetworkPolicy }},
		{Name: "metrics", Field: func(o *Options) any { return &o.Metrics }},
		{Name: "metrics-namespace", Field: func(o *Options) any { return &o.MetricsNamespace }},
		{Name: "metrics-label", Field: func(o *Options) any { return &o.MetricsLabels }},
	}
}

// shownPair returns KEY=VALUE without the value.
func shownPair(pair string) string {
	name, _, _ := strings.Cut(pair, "=")
	return name + "=" + redact.Hidden
}

// shown returns the values of a list without what may be a secret.
func (row Option) shown(values []string) []string {
	if row.Shown == nil {
		return values
	}
	shown := make([]string, len(values))
	for i, value := range values {
		shown[i] = row.Shown(value)
	}
	return shown
}

// Values returns the options that differ from the defaults, by name: each a string, a
// list of strings or true. Values that may be secrets, and certificates, are redact.Hidden.
func (o Options) Values() map[string]any {
	values, defaults := map[string]any{}, Defaults()
	for _, row := range Table() {
		switch value := reflect.ValueOf(row.Field(&o)).Elem().Interface().(type) {
		case string:
			if value != *row.Field(&defaults).(*string) {
				values[row.Name] = value
			}
		case []string:
			if len(value) > 0 {
				values[row.Name] = row.shown(value)
			}
		case bool:
			if value {
				values[row.Name] = true
			}
		}
	}
	return values
}

// Dropped returns what o has and now has not, as on the command line: "--tls",
// "--allow-namespace build". An option that has another value now is not dropped. The
// size and the class of the claim never are: they cannot change by themselves.
func (o Options) Dropped(now Options) []string {
	var dropped []string
	had, has := o.Values(), now.Values()
	for _, row := range Table() {
		after, kept := has[row.Name]
		switch before := had[row.Name].(type) {
		case []string:
			now, _ := after.([]string)
			for _, value := range before {
				if !slices.Contains(now, value) {
					dropped = append(dropped, "--"+row.Name+" "+strings.TrimSuffix(value, "="+redact.Hidden))
				}
			}
		case string:
			if !kept && row.Name != "storage-size" && row.Name != "storage-class" {
				dropped = append(dropped, "--"+row.Name+" "+before)
			}
		case bool:
			if !kept {
				dropped = append(dropped, "--"+row.Name)
			}
		}
	}
	return dropped
}
