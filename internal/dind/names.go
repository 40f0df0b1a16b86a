// Package dind validates the options of a Docker-in-Docker installation and builds
// its Kubernetes objects. It is pure: no I/O, no context and no clock.
package dind

import "github.com/dindctl/dindctl/internal/kube"

// The defaults of the options.
const (
	DefaultName        = "docker-dind"
	DefaultNamespace   = "default"
	DefaultImage       = "docker.io/library/docker:29.7.2-dind"
	DefaultStorageSize = "100Gi"
	DefaultMTU         = "auto"
	DefaultCacheLimit  = "75%"
	// The default requests are for a daemon without builds: enough that it is neither the
	// first pod to be evicted nor, for autoscalers, on an unused node.
	DefaultCPURequest    = "250m"
	DefaultMemoryRequest = "512Mi"
	// NoRequest sets no request.
	NoRequest        = "none"
	DefaultHighWater = "85%"
	// NodeHighWater replaces DefaultHighWater on the node's own disk: from 85% on the
	// kubelet evicts pods.
	NodeHighWater         = "80%"
	DefaultPruneSchedule  = "0 0 * * 0"
	DefaultPruneUnusedFor = "168h"
	DefaultDrainTimeout   = "15m"
)

// Names that do not depend on the instance. The container, volume and port names are
// those of common guides, so that installations made from them can be adopted:
// server-side apply merges by name, and another name would add a second container.
const (
	ContainerName      = "docker-dind"
	VolumeName         = "docker-dind-data-vol"
	ConfigVolumeName   = "docker-dind-config-vol"
	PortName           = "daemon-port"
	PlainPort          = 2375
	PruneContainerName = "clear-cache"
	LocalStorageClass  = "dindctl-local"
	// DataRoot is the daemon's directory for images, containers and build cache.
	DataRoot = "/var/lib/docker"
	// ConfigHashAnnotation on the pod template changes with daemon.json and the
	// daemon's scripts, which restarts the pod.
	ConfigHashAnnotation = "dindctl/config-hash"
	// OptionsAnnotation on the Deployment has the options of the last install as JSON,
	// without values that may be secrets.
	OptionsAnnotation = "dindctl/options"
	// RetriedAnnotation is set on a Deployment whose pod was rejected, to make the
	// controller retry.
	RetriedAnnotation = "dindctl/retried-at"
)

// Label keys and values. ComponentLabel distinguishes the daemon's pod from the pods
// of Jobs, which never have AppLabel.
const (
	AppLabel        = "app"
	NameLabel       = "app.kubernetes.io/name"
	VersionLabel    = "app.kubernetes.io/version"
	ComponentLabel  = "app.kubernetes.io/component"
	NameValue       = "docker-dind"
	DaemonComponent = "daemon"
	PruneComponent  = "clear-cache"
	VerifyComponent = "verify"
)

// maxNameLength keeps the CronJob's name within the API's limit of 52 characters.
const maxNameLength = 52 - len("-clear-cache")

// ClaimName returns the name of the claim for the daemon's data.
func ClaimName(name string) string { return name + "-data" }

// ConfigName returns the name of the ConfigMap with daemon.json and the scripts.
func ConfigName(name string) string { return name + "-config" }

// CronJobName returns the name of the CronJob that prunes.
func CronJobName(name string) string { return name + "-clear-cache" }

// PodsServiceName returns the name of the headless Service, which gives the daemon's pod
// a name.
func PodsServiceName(name string) string { return name + "-pods" }

// VolumeObjectName returns the name of the Local PersistentVolume. It contains the
// namespace, because the object is cluster-scoped.
func VolumeObjectName(namespace, name string) string { return namespace + "-" + ClaimName(name) }

// Labels returns the labels of all objects of the instance except the StorageClass.
// Build adds the engine's version.
func Labels(name string) map[string]string {
	return map[string]string{
		AppLabel:              name,
		NameLabel:             NameValue,
		kube.InstanceLabel:    name,
		kube.OwnInstanceLabel: name,
		kube.ManagedByLabel:   kube.ManagedByValue,
	}
}

// Selector returns the labels that select the daemon's pod.
func Selector(name string) map[string]string {
	return map[string]string{AppLabel: name}
}
