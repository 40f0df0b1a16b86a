package cli

import (
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/dindctl/dindctl/internal/dind"
)

// objectFlags are the options that say what the objects are to be; install and
// manifests share them.
func objectFlags() []cli.Flag {
	return slices.Concat(
		inGroup("Image",
			text("image", "image of the daemon and of the clean-up (default: "+dind.DefaultImage+")", "IMAGE"),
			list("image-pull-secret", "Secret to pull it with", "NAME"),
		),
		inGroup("Storage",
			text("storage-size", "size of the claim (default: "+dind.DefaultStorageSize+"; a live claim keeps its size)", "SIZE"),
			text("storage-class", "storage class of the claim (default: the cluster's)", "NAME"),
			text("existing-claim", "claim to use that dindctl does not own; it is never deleted", "NAME"),
			text("local-path", "directory on --local-node to make a Local PersistentVolume of", "PATH"),
			text("local-node", "node that has --local-path", "NODE"),
		),
		inGroup("Daemon",
			list("registry-mirror", "mirror for Docker Hub", "URL"),
			list("insecure-registry", "registry to speak to without TLS verification", "HOST[:PORT]"),
			text("storage-driver", "storage driver (default: the engine's choice)", "NAME"),
			text("mtu", "MTU of the daemon's networks (default: auto, the pod's own)", "BYTES"),
			list("env", "environment variable of the daemon; without a value, that of this environment", "KEY[=VALUE]"),
			list("env-from-secret", "Secret whose keys become environment variables of the daemon; --env wins", "NAME"),
			list("dockerd-arg", "argument for dockerd", "ARG"),
		),
		inGroup("Pod",
			text("cpu-request", "CPU to reserve", "CPU"),
			text("memory-request", "memory to reserve", "SIZE"),
			text("cpu-limit", "CPU limit; builds count too", "CPU"),
			text("memory-limit", "memory limit; builds count too", "SIZE"),
			list("node-selector", "label that the node must have", "KEY=VALUE"),
			list("toleration", "taint to tolerate", "KEY[=VALUE][:EFFECT]"),
			text("priority-class", "priority class", "NAME"),
		),
		inGroup("Cache and clean-up",
			text("cache-limit", "build cache to keep: a share of the volume or a size (default: "+dind.DefaultCacheLimit+")", "LIMIT"),
			text("high-water", "disk use above which the least recently used images go, or none (default: "+dind.DefaultHighWater+")", "SHARE"),
			text("prune-schedule", "cron schedule of the clean-up, or none (default: "+dind.DefaultPruneSchedule+")", "SCHEDULE"),
			text("prune-timezone", "time zone of the schedule", "ZONE"),
			text("prune-unused-for", "leave alone what is younger; 0 removes everything unused (default: "+dind.DefaultPruneUnusedFor+")", "DURATION"),
		),
		inGroup("Access",
			list("allow-namespace", "namespace whose pods may reach the daemon, besides its own", "NAME"),
			switchFlag("tls", "mutual TLS on port 2376, with certificates made by dindctl; --tls=false switches it off"),
			switchFlag("no-network-policy", "make no NetworkPolicy: every pod of the cluster may reach the daemon"),
		),
	)
}

// objectOptions reads the object options and checks them together with all
// others: the error lists everything that is wrong with the command line.
func (s *session) objectOptions(c *cli.Context) (dind.Options, error) {
	d := dind.Defaults()
	options := dind.Options{
		Namespace:          s.namespaceToCheck(),
		Name:               s.name,
		Image:              s.text("image", d.Image),
		ImagePullSecrets:   s.list("image-pull-secret"),
		StorageSize:        s.text("storage-size", d.StorageSize),
		StorageClass:       s.text("storage-class", d.StorageClass),
		ExistingClaim:      s.text("existing-claim", ""),
		LocalPath:          s.text("local-path", ""),
		LocalNode:          s.text("local-node", ""),
		RegistryMirrors:    s.list("registry-mirror"),
		InsecureRegistries: s.list("insecure-registry"),
		StorageDriver:      s.text("storage-driver", ""),
		MTU:                s.text("mtu", d.MTU),
		Env:                s.environment(),
		EnvFromSecrets:     s.list("env-from-secret"),
		DockerdArgs:        s.list("dockerd-arg"),
		CPURequest:         s.text("cpu-request", ""),
		MemoryRequest:      s.text("memory-request", ""),
		CPULimit:           s.text("cpu-limit", ""),
		MemoryLimit:        s.text("memory-limit", ""),
		NodeSelector:       s.list("node-selector"),
		Tolerations:        s.list("toleration"),
		PriorityClass:      s.text("priority-class", ""),
		CacheLimit:         s.text("cache-limit", d.CacheLimit),
		HighWater:          s.text("high-water", d.HighWater),
		PruneSchedule:      s.text("prune-schedule", d.PruneSchedule),
		PruneTimezone:      s.text("prune-timezone", d.PruneTimezone),
		PruneUnusedFor:     s.text("prune-unused-for", d.PruneUnusedFor),
		AllowNamespaces:    s.list("allow-namespace"),
		NoNetworkPolicy:    s.on("no-network-policy"),
		TLS:                s.on("tls"),
		NoTLS:              s.off("tls"),
	}
	problems, err := collect(s.problems, options.Validate())
	if err != nil {
		return options, err
	}
	return options, s.refuse(c, problems)
}
