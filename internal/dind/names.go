// Package dind knows what a Docker-in-Docker installation consists of: the
// options a user may set, whether they make sense, and the Kubernetes objects
// that follow from them. It is pure: no input or output, no context, no clock;
// the same options always give the same objects.
package dind

import "github.com/dindctl/dindctl/internal/kube"

// The defaults of the options, as a user would type them.
const (
	DefaultName           = "docker-dind"
	DefaultNamespace      = "default"
	DefaultImage          = "docker:29.7.2-dind"
	DefaultStorageSize    = "100Gi"
	DefaultMTU            = "auto"
	DefaultCacheLimit     = "75%"
	DefaultHighWater      = "85%"
	DefaultPruneSchedule  = "0 0 * * 0"
	DefaultPruneUnusedFor = "168h"
)

// Names that do not depend on the instance. The container, volume and port
// names are those of the guides on the web, so that an installation made by
// hand from one of them can be adopted in place: containers, volumes and ports
// merge by name, and another name would mean a second container.
const (
	ContainerName      = "docker-dind"
	VolumeName         = "docker-dind-data-vol"
	ConfigVolumeName   = "docker-dind-config-vol"
	PortName           = "daemon-port"
	PlainPort          = 2375
	PruneContainerName = "clear-cache"
	LocalStorageClass  = "dindctl-local"
	// DataRoot is where the daemon keeps images, containers and build cache.
	DataRoot = "/var/lib/docker"
	// ConfigHashAnnotation is on the pod template: a changed daemon.json or
	// script of the daemon's changes it, and so rolls the pod.
	ConfigHashAnnotation = "dindctl/config-hash"
	// RetriedAnnotation is set on a Deployment whose pod was refused, to have
	// it tried again.
	RetriedAnnotation = "dindctl/retried-at"
)

// Label keys and values. ComponentLabel tells the daemon's pod from the pods
// of the Jobs; no Job's pod ever carries the label AppLabel.
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

// maxNameLength keeps the CronJob's name, NAME-clear-cache, within the 52
// characters that the API allows, so that the Jobs it makes fit into 63.
const maxNameLength = 52 - len("-clear-cache")

// ClaimName is the name of the claim that holds the daemon's data.
func ClaimName(name string) string { return name + "-data" }

// ConfigName is the name of the ConfigMap with daemon.json and the scripts.
func ConfigName(name string) string { return name + "-config" }

// CronJobName is the name of the scheduled clean-up.
func CronJobName(name string) string { return name + "-clear-cache" }

// VolumeObjectName is the name of the Local PersistentVolume, which has no
// namespace and so carries it in its name.
func VolumeObjectName(namespace, name string) string { return namespace + "-" + ClaimName(name) }

// Labels are on every object of the instance, the cluster-scoped StorageClass
// excepted. The engine's version, which Build adds, is not among them.
func Labels(name string) map[string]string {
	return map[string]string{
		AppLabel:            name,
		NameLabel:           NameValue,
		kube.InstanceLabel:  name,
		kube.ManagedByLabel: kube.ManagedByValue,
	}
}

// Selector matches the daemon's pod and nothing else.
func Selector(name string) map[string]string {
	return map[string]string{AppLabel: name}
}
