package dind

// Options are what the user asked for, as typed. They are raw strings, so that
// Validate can name the option and the value in each of its complaints.
//
// The zero value is not valid: start from Defaults.
type Options struct {
	Namespace, Name  string
	Image            string
	ImagePullSecrets []string

	// StorageSize is a quantity; "" asks for the size of the live claim, or
	// DefaultStorageSize where there is none.
	StorageSize string
	// StorageClass "" is the cluster's default class.
	StorageClass string
	// ExistingClaim is a claim that dindctl uses but does not own.
	ExistingClaim string
	// LocalPath on LocalNode becomes a Local PersistentVolume; both or none.
	LocalPath, LocalNode string

	RegistryMirrors, InsecureRegistries []string
	// StorageDriver "" leaves the choice to the engine.
	StorageDriver string
	// MTU is "auto" or a number of bytes.
	MTU string
	// Env are KEY=VALUE pairs and DockerdArgs flags for the daemon.
	Env, DockerdArgs []string
	// EnvFromSecrets are Secrets whose keys become variables of the daemon; a
	// variable of Env wins over one of theirs.
	EnvFromSecrets []string

	CPURequest, MemoryRequest, CPULimit, MemoryLimit string
	// NodeSelector are key=value, Tolerations key[=value][:effect].
	NodeSelector, Tolerations []string
	PriorityClass             string

	// CacheLimit is a share of the volume ("75%") or a size ("50Gi", "50GB").
	CacheLimit string
	// HighWater is the share of the file system ("85%") above which images are
	// removed, the least recently used first, or "none".
	HighWater string
	// PruneSchedule is five cron fields, or "none" for no CronJob.
	PruneSchedule string
	// PruneTimezone is an IANA name; "" is the controller manager's zone.
	PruneTimezone string
	// PruneUnusedFor is a duration; "0" removes everything unused.
	PruneUnusedFor string

	// AllowDataRootChange goes on where the daemon will not find its cache again.
	AllowDataRootChange bool

	AllowNamespaces []string
	NoNetworkPolicy bool
	// TLS is mutual TLS on TLSPort. NoTLS switches it off where it was on, which
	// takes more than leaving it out.
	TLS, NoTLS bool
}

// Defaults are the options of a user who set none. StorageSize stays empty:
// Build fills it in, because the default depends on the claim in the cluster.
func Defaults() Options {
	return Options{
		Namespace:      DefaultNamespace,
		Name:           DefaultName,
		Image:          DefaultImage,
		MTU:            DefaultMTU,
		CacheLimit:     DefaultCacheLimit,
		HighWater:      DefaultHighWater,
		PruneSchedule:  DefaultPruneSchedule,
		PruneUnusedFor: DefaultPruneUnusedFor,
	}
}
