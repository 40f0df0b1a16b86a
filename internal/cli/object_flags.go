package cli

import (
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/dindctl/dindctl/internal/dind"
)

// objectFlags returns the options that shape the objects: install, check and
// manifests share them.
func objectFlags() []cli.Flag {
	return slices.Concat(
		inGroup("Options",
			aliased(text("options-file", "YAML file with options by name, - for standard input; the command line takes precedence", "FILE"), "f"),
		),
		inGroup("Replicas",
			text("replicas", "number of daemons: a project always builds on the same one (default: 1)", "N"),
		),
		inGroup("Image",
			text("image", "image of the daemon and of the Jobs (default: "+dind.DefaultImage+")", "IMAGE"),
			list("image-pull-secret", "Secret for pulling the image", "NAME"),
		),
		inGroup("Storage",
			text("storage-size", "size of the claim (default: "+dind.DefaultStorageSize+"; an existing claim keeps its size)", "SIZE"),
			text("storage-class", "StorageClass of the claim (default: the cluster's default class)", "NAME"),
			text("existing-claim", "existing claim to use; dindctl does not own it and never deletes it", "NAME"),
			text("local-path", "directory on --local-node to use as a local PersistentVolume", "PATH"),
			text("local-node", "node that has the directory of --local-path; for replicas NODE,NODE,…", "NODE"),
		),
		inGroup("Daemon",
			list("registry-mirror", "mirror of Docker Hub, or of the registry HOST (Engine 28 and later)", "[HOST=]URL"),
			list("registry-ca", "certificates of the authority that the registry's certificate is from", "HOST[:PORT]=FILE"),
			list("insecure-registry", "registry to access without TLS verification", "HOST[:PORT]"),
			text("storage-driver", "storage driver (default: the engine's choice)", "NAME"),
			text("mtu", "MTU of the daemon's networks (default: auto, the MTU of the pod's network)", "BYTES"),
			list("address-pool", "range for the networks of jobs (default: one that meets no address around the pod)", "CIDR[,SIZE]"),
			list("env", "environment variable of the daemon; KEY alone copies the value from your environment", "KEY[=VALUE]"),
			list("env-from-secret", "Secret whose keys become environment variables of the daemon; --env takes precedence", "NAME"),
			list("dockerd-arg", "additional argument for dockerd", "ARG"),
		),
		inGroup("Pod",
			text("cpu-request", "CPU request of the pod, or none (default: "+dind.DefaultCPURequest+", or the limit if that is less)", "CPU"),
			text("memory-request", "memory request of the pod, or none (default: "+dind.DefaultMemoryRequest+", or the limit if that is less)", "SIZE"),
			text("cpu-limit", "CPU limit of the pod, including builds", "CPU"),
			text("memory-limit", "memory limit of the pod, including builds", "SIZE"),
			list("node-selector", "label that the pod's node must have", "KEY=VALUE"),
			list("toleration", "taint that the pod tolerates", "KEY[=VALUE][:EFFECT]"),
			text("priority-class", "PriorityClass of the pod", "NAME"),
			text("affinity", "file with the affinity of the pod, in YAML or JSON", "FILE"),
			text("runtime-class", "RuntimeClass of the pod", "NAME"),
			text("service-account", "ServiceAccount of the pod and of the Jobs' pods, which get no token of it", "NAME"),
			list("pod-label", "label of the pod and of the Jobs' pods, for policies or a mesh", "KEY=VALUE"),
			list("pod-annotation", "annotation of the pod and of the Jobs' pods", "KEY=VALUE"),
			text("drain-timeout", "how long the pod waits for builds, pushes and pulls before it stops (default: "+dind.DefaultDrainTimeout+")", "DURATION"),
			switchFlag("allow-eviction", "let autoscalers move the pod, which interrupts CI"),
		),
		inGroup("Cache and pruning",
			text("cache-limit", "build cache to keep: a percentage of the volume or a size (default: "+dind.DefaultCacheLimit+")", "LIMIT"),
			text("high-water", "free space above this disk usage, or none (default: "+dind.DefaultHighWater+"; "+dind.NodeHighWater+" on the node's own disk)", "PERCENT"),
			text("prune-schedule", "cron schedule of the prune, or none (default: "+dind.DefaultPruneSchedule+")", "SCHEDULE"),
			text("prune-timezone", "time zone of the prune schedule", "ZONE"),
			text("prune-unused-for", "minimum time unused before removal; 0 removes everything unused (default: "+dind.DefaultPruneUnusedFor+")", "DURATION"),
			text("max-container-age", "remove running containers that are older, or none (default: none)", "DURATION"),
		),
		inGroup("Access",
			list("allow-namespace", "additional namespace whose pods may reach the daemon", "NAME"),
			text("publish-ports", "ports for `docker run -p`, reached at the name that `dindctl env` prints (default: none)", "FROM-TO"),
			switchFlag("tls", "mutual TLS on port 2376, with certificates issued by dindctl; --tls=false disables it"),
			text("tls-secret", "Secret with the daemon's certificate that cert-manager, for example, issues", "NAME"),
			text("tls-client-secret", "Secret with the certificate of its clients, which are jobs and dindctl", "NAME"),
			switchFlag("no-network-policy", "create no NetworkPolicy: every pod in the cluster may reach the daemon"),
		),
		inGroup("Metrics",
			switchFlag("metrics", "serve metrics for Prometheus, with a PodMonitor where the cluster has that kind"),
			text("metrics-namespace", "namespace whose pods may read the metrics (default: the installation's)", "NAME"),
			list("metrics-label", "label of the PodMonitor, by which Prometheus selects it", "KEY=VALUE"),
		),
	)
}
