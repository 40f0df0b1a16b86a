package dind

// Options are the user's options as typed. They are strings, so that Validate can
// name the option and the value in each error.
//
// The zero value is not valid: start from Defaults.
type Options struct {
	Namespace, Name string
	// Replicas is the number of daemons; "" is one.
	Replicas string
	// ReplicaOf is the installation that this is a replica of; "" for the first replica.
	ReplicaOf        string
	Image            string
	ImagePullSecrets []string

	// StorageSize is a quantity; "" keeps the size of the live claim, or means
	// DefaultStorageSize if there is no claim.
	StorageSize string
	// StorageClass "" is the cluster's default class.
	StorageClass string
	// ExistingClaim is a claim that dindctl uses but does not own.
	ExistingClaim string
	// LocalPath on LocalNode becomes a Local PersistentVolume; set both or none. With
	// several replicas, LocalNode has one node for each, separated by commas.
	LocalPath, LocalNode string

	// RegistryMirrors are [HOST=]URL; without HOST the mirror is one of Docker Hub.
	RegistryMirrors []string
	// RegistryCAs are HOST[:PORT]=CERTIFICATES: the certificates in PEM format, which the
	// daemon trusts for that registry. Each registry has one.
	RegistryCAs        []string
	InsecureRegistries []string
	// StorageDriver "" leaves the choice to the engine.
	StorageDriver string
	// MTU is "auto" or a number of bytes.
	MTU string
	// AddressPools are CIDR[,SIZE]: ranges, and the prefix length of the networks that
	// the daemon makes of them. Without any, the daemon's pod chooses one.
	AddressPools []string
	// Env are KEY=VALUE pairs and DockerdArgs flags for the daemon.
	Env, DockerdArgs []string
	// EnvFromSecrets are Secrets whose keys become variables of the daemon. Env
	// takes precedence.
	EnvFromSecrets []string

	// CPURequest and MemoryRequest are quantities, "none", or "": the default, or the
	// limit if that is less.
	CPURequest, MemoryRequest, CPULimit, MemoryLimit string
	// NodeSelector are key=value, Tolerations key[=value][:effect].
	NodeSelector, Tolerations []string
	PriorityClass             string
	RuntimeClass              string
	Affinity                  string // of the daemon's pod, in YAML or JSON
	// ServiceAccount is that of all pods in the namespace; "" is default.
	ServiceAccount string
	// PodLabels and PodAnnotations are KEY=VALUE, for all pods.
	PodLabels, PodAnnotations []string
	// AllowEviction lets autoscalers move the daemon's pod, which interrupts CI.
	AllowEviction bool

	// DrainTimeout is a duration: how long a pod that is to stop waits for builds, pushes
	// and pulls; "0" for not at all.
	DrainTimeout string

	// CacheLimit is a percentage of the volume ("75%") or a size ("50Gi", "50GB"). The
	// volume is the claim or its file system, whichever is smaller.
	CacheLimit string
	// HighWater is the disk usage ("85%") above which image garbage collection
	// removes the least recently used images, or "none". The default is less on the
	// node's own disk.
	HighWater string
	// PruneSchedule is five cron fields, or "none" for no CronJob.
	PruneSchedule string
	// PruneTimezone is an IANA name; "" is the controller manager's time zone.
	PruneTimezone string
	// PruneUnusedFor is a duration; "0" removes everything unused.
	PruneUnusedFor string
	// MaxContainerAge is a duration, or "none": running containers that jobs left
	// are removed when they are older.
	MaxContainerAge string

	// AllowDataRootChange allows changes that make the daemon lose its cache.
	AllowDataRootChange bool

	// PublishPorts is FROM-TO: the ports that jobs may publish; "" for none.
	PublishPorts string

	// Metrics serves metrics for Prometheus to the pods of MetricsNamespace; "" is the
	// installation's own. MetricsLabels are KEY=VALUE, for the PodMonitor.
	Metrics          bool
	MetricsNamespace string
	MetricsLabels    []string

	AllowNamespaces []string
	NoNetworkPolicy bool
	// TLS enables mutual TLS on TLSPort. Disabling it for an installation that has
	// it takes NoTLS: unsetting TLS is not enough.
	TLS, NoTLS bool
	// TLSSecret and TLSClientSecret are Secrets with certificates that somebody else
	// issues: the daemon's and the clients'. dindctl then issues none.
	TLSSecret, TLSClientSecret string
}

// Defaults returns the default options. StorageSize is empty, because its default
// depends on the live claim: Build sets it.
func Defaults() Options {
	return Options{
		Namespace:       DefaultNamespace,
		Name:            DefaultName,
		Image:           DefaultImage,
		MTU:             DefaultMTU,
		CacheLimit:      DefaultCacheLimit,
		HighWater:       DefaultHighWater,
		PruneSchedule:   DefaultPruneSchedule,
		PruneUnusedFor:  DefaultPruneUnusedFor,
		MaxContainerAge: NoMaxContainerAge,
		DrainTimeout:    DefaultDrainTimeout,
	}
}
