package dind

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// complaint is an expected error: the option and a part of the reason.
type complaint struct{ option, reason string }

func TestValidate(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Options)
		want   []complaint // none: valid
	}{
		{"defaults", func(*Options) {}, nil},
		{"no options", func(o *Options) { *o = Options{} }, []complaint{
			{"--namespace", "not a valid namespace name"}, {"--name", "not a valid Service name"}, {"--image", "not an image reference"},
			{"--mtu", "neither auto"}, {"--cache-limit", "not a size"}, {"--high-water", "neither"}, {"--prune-schedule", "not a cron schedule"},
			{"--prune-unused-for", "not a duration"}, {"--max-container-age", "not a duration"}, {"--drain-timeout", "not a duration"}}},

		{"namespace with capitals", func(o *Options) { o.Namespace = "CI" }, []complaint{{"--namespace", "not a valid"}}},
		{"name that starts with a digit", func(o *Options) { o.Name = "1st" }, []complaint{{"--name", "not a valid Service name"}}},
		{"name with a dot", func(o *Options) { o.Name = "a.b" }, []complaint{{"--name", "not a valid Service name"}}},
		{"name of 40 characters", func(o *Options) { o.Name = strings.Repeat("a", 40) }, nil},
		{"name of 41 characters", func(o *Options) { o.Name = strings.Repeat("a", 41) }, []complaint{{"--name", "longer than 40"}}},
		{"TLS Secrets", func(o *Options) { o.TLS, o.TLSSecret, o.TLSClientSecret = true, "issued", "issued-client" }, nil},
		{"TLS Secrets without TLS", func(o *Options) { o.TLSSecret, o.TLSClientSecret = "a", "b" }, []complaint{{"--tls-secret", "without --tls"}, {"--tls-client-secret", "without --tls"}}},
		{"TLS Secret of the daemon only", func(o *Options) { o.TLS, o.TLSSecret = true, "a" }, []complaint{{"--tls-secret", "needs --tls-client-secret"}}},
		{"TLS Secret of the clients only", func(o *Options) { o.TLS, o.TLSClientSecret = true, "a" }, []complaint{{"--tls-client-secret", "needs --tls-secret"}}},
		{"one TLS Secret for both", func(o *Options) { o.TLS, o.TLSSecret, o.TLSClientSecret = true, "a", "a" }, []complaint{{"--tls-client-secret", "is the daemon's Secret"}}},
		{"TLS Secret of dindctl", func(o *Options) { o.TLS, o.TLSSecret, o.TLSClientSecret = true, "a", o.Name+"-client-tls" }, []complaint{{"--tls-client-secret", "that dindctl issues"}}},
		{"pull secret with a slash", func(o *Options) { o.ImagePullSecrets = []string{"ok", "a/b"} }, []complaint{{"--image-pull-secret", "Secret"}}},

		{"image with port and digest", func(o *Options) { o.Image = "localhost:5000/docker:29-dind@sha256:" + strings.Repeat("0", 64) }, nil},
		{"image without tag", func(o *Options) { o.Image = "docker" }, nil},
		{"image with capitals", func(o *Options) { o.Image = "Docker:dind" }, []complaint{{"--image", "not an image reference"}}},
		{"image with a space", func(o *Options) { o.Image = "docker:dind " }, []complaint{{"--image", "not an image reference"}}},
		{"image that is an ID", func(o *Options) { o.Image = strings.Repeat("a", 64) }, []complaint{{"--image", "not an image reference"}}},
		{"rootless image", func(o *Options) { o.Image = "docker:29.7.2-dind-rootless" }, []complaint{{"--image", "rootless"}}},
		{"client image", func(o *Options) { o.Image = "docker:29-cli" }, []complaint{{"--image", "only the docker client"}}},
		{"any client image", func(o *Options) { o.Image = "docker:cli" }, []complaint{{"--image", "only the docker client"}}},

		{"size", func(o *Options) { o.StorageSize = "1.5Ti" }, nil},
		{"size in words", func(o *Options) { o.StorageSize = "big" }, []complaint{{"--storage-size", "not a quantity"}}},
		{"size with a docker unit", func(o *Options) { o.StorageSize = "100GB" }, []complaint{{"--storage-size", "not a quantity"}}},
		{"size zero", func(o *Options) { o.StorageSize = "0" }, []complaint{{"--storage-size", "greater than zero"}}},
		{"size negative", func(o *Options) { o.StorageSize = "-1Gi" }, []complaint{{"--storage-size", "greater than zero"}}},
		{"size in thousandths", func(o *Options) { o.StorageSize = "100m" }, []complaint{{"--storage-size", "whole number of bytes"}}},
		{"huge size", func(o *Options) { o.StorageSize = "9e30" }, []complaint{{"--storage-size", "too large"}}},
		{"storage class", func(o *Options) { o.StorageClass = "fast.ssd" }, nil},
		{"storage class with a space", func(o *Options) { o.StorageClass = "fast ssd" }, []complaint{{"--storage-class", "StorageClass"}}},
		{"existing claim", func(o *Options) { o.ExistingClaim = "data" }, nil},
		{"existing claim, bad name", func(o *Options) { o.ExistingClaim = "Data" }, []complaint{{"--existing-claim", "PersistentVolumeClaim"}}},
		{"existing claim with size and class", func(o *Options) { o.ExistingClaim, o.StorageSize, o.StorageClass = "data", "1Gi", "fast" },
			[]complaint{{"--storage-size", "no effect"}, {"--storage-class", "no effect"}}},

		{"local volume", func(o *Options) { o.LocalPath, o.LocalNode = "/mnt/docker", "node-1.example.com" }, nil},
		{"local path alone", func(o *Options) { o.LocalPath = "/mnt/docker" }, []complaint{{"--local-path", "needs --local-node"}}},
		{"local node alone", func(o *Options) { o.LocalNode = "node-1" }, []complaint{{"--local-node", "needs --local-path"}}},
		{"local path relative", func(o *Options) { o.LocalPath, o.LocalNode = "mnt", "n" }, []complaint{{"--local-path", "not an absolute"}}},
		{"local path with dots", func(o *Options) { o.LocalPath, o.LocalNode = "/mnt/../etc", "n" }, []complaint{{"--local-path", "not a clean"}}},
		{"local path that is not UTF-8", func(o *Options) { o.LocalPath, o.LocalNode = "/mnt/\xff", "n" }, []complaint{{"--local-path", "not printable"}}},
		{"local path with a line break", func(o *Options) { o.LocalPath, o.LocalNode = "/mnt/\n", "n" }, []complaint{{"--local-path", "not printable"}}},
		{"local path with a slash at its end", func(o *Options) { o.LocalPath, o.LocalNode = "/mnt/x/", "n" }, []complaint{{"--local-path", "not a clean"}}},
		{"local path that is the root directory", func(o *Options) { o.LocalPath, o.LocalNode = "/", "n" }, []complaint{{"--local-path", "system directory"}}},
		{"local path that is the node's docker directory", func(o *Options) { o.LocalPath, o.LocalNode = "/var/lib/docker", "n" }, []complaint{{"--local-path", "system directory"}}},
		{"invalid local node", func(o *Options) { o.LocalPath, o.LocalNode = "/mnt/x", "Node_1" }, []complaint{{"--local-node", "not a valid node name"}}},
		{"local volume and class and claim", func(o *Options) {
			o.LocalPath, o.LocalNode, o.StorageClass, o.ExistingClaim = "/mnt/x", "n", "fast", "data"
		}, []complaint{{"--storage-class", "no effect"}, {"--storage-class", "conflicts with --local-path"}, {"--existing-claim", "conflicts with --local-path"}}},

		{"mirrors", func(o *Options) {
			o.RegistryMirrors = []string{"https://m", "http://10.0.0.1:5000/", "https://[::1]:5000", "https://m.example.com/hub"}
		}, nil},
		{"mirror without scheme", func(o *Options) { o.RegistryMirrors = []string{"mirror:5000"} }, []complaint{{"--registry-mirror", "must start with http"}}},
		{"mirror by ftp", func(o *Options) { o.RegistryMirrors = []string{"ftp://mirror"} }, []complaint{{"--registry-mirror", "must start with http"}}},
		{"mirror without host", func(o *Options) { o.RegistryMirrors = []string{"https:///hub"} }, []complaint{{"--registry-mirror", "host"}}},
		{"mirror with a bad port", func(o *Options) { o.RegistryMirrors = []string{"https://m:99999"} }, []complaint{{"--registry-mirror", "host"}}},
		{"mirror that is no URL", func(o *Options) { o.RegistryMirrors = []string{"https://m:x y"} }, []complaint{{"--registry-mirror", "not a URL"}}},
		{"mirror with a query", func(o *Options) { o.RegistryMirrors = []string{"https://m?a=b"} }, []complaint{{"--registry-mirror", "query or fragment"}}},
		{"mirror with a fragment", func(o *Options) { o.RegistryMirrors = []string{"https://m/#a"} }, []complaint{{"--registry-mirror", "query or fragment"}}},
		{"mirror with a password", func(o *Options) { o.RegistryMirrors = []string{"https://u:secret@m"} }, []complaint{{"--registry-mirror", "password"}}},
		{"mirror with a path, old engine", func(o *Options) { o.Image, o.RegistryMirrors = "docker:20.10-dind", []string{"https://m/hub"} },
			[]complaint{{"--registry-mirror", "before 24"}}},
		{"insecure registries", func(o *Options) {
			o.InsecureRegistries = []string{"registry", "REG.example.com:5000", "10.0.0.0/8", "::1", "[fd00::1]:5000", "fd00::/8"}
		}, nil},
		{"insecure registry with scheme", func(o *Options) { o.InsecureRegistries = []string{"http://r:5000"} }, []complaint{{"--insecure-registry", "scheme"}}},
		{"insecure registry with path", func(o *Options) { o.InsecureRegistries = []string{"r:5000/x"} }, []complaint{{"--insecure-registry", "port"}}},
		{"insecure registry with a bad name", func(o *Options) { o.InsecureRegistries = []string{"-r", "a_b"} },
			[]complaint{{"--insecure-registry", "neither"}, {"--insecure-registry", "neither"}}},
		{"insecure registry, port 0", func(o *Options) { o.InsecureRegistries = []string{"r:0"} }, []complaint{{"--insecure-registry", "port"}}},
		{"insecure registry, empty", func(o *Options) { o.InsecureRegistries = []string{""} }, []complaint{{"--insecure-registry", "neither"}}},

		{"storage driver", func(o *Options) { o.StorageDriver = "fuse-overlayfs" }, nil},
		{"storage driver, two words", func(o *Options) { o.StorageDriver = "overlay 2" }, []complaint{{"--storage-driver", "not a valid storage driver name"}}},
		{"MTU at its least", func(o *Options) { o.MTU = "68" }, nil},
		{"MTU at its most", func(o *Options) { o.MTU = "65535" }, nil},
		{"MTU too small", func(o *Options) { o.MTU = "67" }, []complaint{{"--mtu", "68 to 65535"}}},
		{"MTU too large", func(o *Options) { o.MTU = "65536" }, []complaint{{"--mtu", "68 to 65535"}}},
		{"MTU that is not a number", func(o *Options) { o.MTU = "jumbo" }, []complaint{{"--mtu", "68 to 65535"}}},

		{"env", func(o *Options) { o.Env = []string{"A=b=c", "_B="} }, nil},
		{"env without value", func(o *Options) { o.Env = []string{"A"} }, []complaint{{"--env", "no value"}}},
		{"env with a bad name", func(o *Options) { o.Env = []string{"A-B=c", "1=2", "=x"} },
			[]complaint{{"--env", "not a valid variable name"}, {"--env", "not a valid variable name"}, {"--env", "not a valid variable name"}}},
		{"env twice", func(o *Options) { o.Env = []string{"A=1", "A=2"} }, []complaint{{"--env", "more than once"}}},
		{"env with a null byte", func(o *Options) { o.Env = []string{"A=\x00"} }, []complaint{{"--env", "null byte"}}},
		{"env of TLS", func(o *Options) { o.Env = []string{"DOCKER_TLS_CERTDIR=/certs"} }, []complaint{{"--env", "--tls"}}},
		{"env of the socket", func(o *Options) { o.Env = []string{"DOCKER_HOST=unix:///x"} }, []complaint{{"--env", "the address that the probes use"}}},
		{"env of the driver", func(o *Options) { o.Env = []string{"DOCKER_DRIVER=vfs"} }, nil},
		{"env of the driver, twice", func(o *Options) { o.StorageDriver, o.Env = "overlay2", []string{"DOCKER_DRIVER=vfs"} },
			[]complaint{{"--env", "--storage-driver"}}},

		{"dockerd args", func(o *Options) { o.DockerdArgs = []string{"-D", "--mtu=1400", "-s=vfs", "--log-opt=max-size=1m"} }, nil},
		{"dockerd arg that is a value", func(o *Options) { o.DockerdArgs = []string{"--mtu", "1400"} }, []complaint{{"--dockerd-arg", "not a flag"}}},
		{"dockerd arg, empty", func(o *Options) { o.DockerdArgs = []string{"", "-", "--"} },
			[]complaint{{"--dockerd-arg", "not a flag"}, {"--dockerd-arg", "not a flag"}, {"--dockerd-arg", "not a flag"}}},
		{"dockerd args of hosts", func(o *Options) { o.DockerdArgs = []string{"--host=tcp://:1", "-H=fd://", "-Hfd://", "-DHfd://"} },
			[]complaint{{"--dockerd-arg", "cannot be set here"}, {"--dockerd-arg", "cannot be set here"}, {"--dockerd-arg", "cannot be set here"}, {"--dockerd-arg", "cannot be set here"}}},
		{"dockerd args of data and configuration", func(o *Options) { o.DockerdArgs = []string{"--data-root=/x", "--config-file=/x"} },
			[]complaint{{"--dockerd-arg", "cannot be set here"}, {"--dockerd-arg", "cannot be set here"}}},
		{"dockerd args that are in daemon.json", func(o *Options) { o.DockerdArgs = []string{"--registry-mirror=https://m", "--insecure-registry=r"} },
			[]complaint{{"--dockerd-arg", "cannot be set here"}, {"--dockerd-arg", "cannot be set here"}}},
		{"dockerd arg of TLS", func(o *Options) { o.DockerdArgs = []string{"--tlsverify=false"} }, []complaint{{"--dockerd-arg", "how clients connect"}}},
		{"dockerd arg of the driver, twice", func(o *Options) { o.StorageDriver, o.DockerdArgs = "overlay2", []string{"--storage-driver=vfs"} },
			[]complaint{{"--dockerd-arg", "conflicts with --storage-driver"}}},

		{"resources", func(o *Options) {
			o.CPURequest, o.CPULimit, o.MemoryRequest, o.MemoryLimit = "500m", "0.5", "1Gi", "1Gi"
		}, nil},
		{"no requests", func(o *Options) { o.CPURequest, o.MemoryRequest = "none", "none" }, nil},
		{"limits below the default requests", func(o *Options) { o.CPULimit, o.MemoryLimit = "100m", "256Mi" }, nil},
		{"no limit is not a limit", func(o *Options) { o.CPULimit = "none" }, []complaint{{"--cpu-limit", ""}}},
		{"a node without Linux", func(o *Options) { o.NodeSelector = []string{"kubernetes.io/os=windows"} }, []complaint{{"--node-selector", "selects no Linux node"}}},
		{"labels and annotations of pods", func(o *Options) {
			o.PodLabels, o.PodAnnotations = []string{"team=ci", "sidecar.istio.io/inject=true"}, []string{"example.com/note=any text, also = signs"}
		}, nil},
		{"labels and annotations that are dindctl's", func(o *Options) {
			o.PodLabels, o.PodAnnotations = []string{"app=mine", "batch.kubernetes.io/job-name=x"}, []string{"dindctl/config-hash=1"}
		}, []complaint{{"--pod-label", "dindctl or Kubernetes sets"}, {"--pod-label", "dindctl or Kubernetes sets"}, {"--pod-annotation", "dindctl or Kubernetes sets"}}},
		{"no labels and annotations", func(o *Options) {
			o.PodLabels, o.PodAnnotations = []string{"team", "team=a b"}, []string{"a b=c"}
		}, []complaint{{"--pod-label", "has no value"}, {"--pod-label", "label value"}, {"--pod-annotation", "annotation key"}}},
		{"metrics", func(o *Options) {
			o.Metrics, o.MetricsNamespace, o.MetricsLabels = true, "monitoring", []string{"release=prometheus"}
		}, nil},
		{"no metrics", func(o *Options) {
			o.MetricsNamespace, o.MetricsLabels = "monitoring", []string{"release=prometheus"}
		}, []complaint{{"--metrics-label", "without --metrics"}, {"--metrics-namespace", "without --metrics"}}},
		{"metrics without a policy", func(o *Options) {
			o.Metrics, o.MetricsNamespace, o.NoNetworkPolicy, o.MetricsLabels = true, "-", true, []string{"app=x"}
		}, []complaint{{"--metrics-label", "dindctl or Kubernetes sets"}, {"--metrics-namespace", "valid namespace name"}, {"--metrics-namespace", "--no-network-policy"}}},
		{"metrics on a port of jobs", func(o *Options) { o.Metrics, o.PublishPorts = true, "9000-9400" }, []complaint{{"--publish-ports", "port of --metrics"}}},
		{"affinity", func(o *Options) {
			o.Affinity = "podAntiAffinity:\n  requiredDuringSchedulingIgnoredDuringExecution:\n  - topologyKey: kubernetes.io/hostname"
		}, nil},
		{"affinity of another shape", func(o *Options) { o.Affinity = "affinity:\n  nodeAffinity: {}" }, []complaint{{"--affinity", `unknown field "affinity"`}}},
		{"affinity that is empty", func(o *Options) { o.Affinity = "{}" }, []complaint{{"--affinity", "are missing"}}},
		{"names of accounts and classes", func(o *Options) { o.ServiceAccount, o.RuntimeClass = "A", "B" },
			[]complaint{{"--runtime-class", "RuntimeClass"}, {"--service-account", "ServiceAccount"}}},
		{"invalid resources", func(o *Options) { o.CPURequest, o.MemoryLimit = "half", "4GB" },
			[]complaint{{"--cpu-request", "not a quantity"}, {"--memory-limit", "not a quantity"}}},
		{"zero and negative resources", func(o *Options) { o.CPULimit, o.MemoryRequest = "0", "-1" },
			[]complaint{{"--cpu-limit", "greater than zero"}, {"--memory-request", "greater than zero"}}},
		{"memory in thousandths", func(o *Options) { o.MemoryLimit = "512m" }, []complaint{{"--memory-limit", "whole number"}}},
		{"requests over limits", func(o *Options) { o.CPURequest, o.CPULimit, o.MemoryRequest, o.MemoryLimit = "2", "1500m", "2Gi", "2G" },
			[]complaint{{"--cpu-request", "more than the limit of 1500m"}, {"--memory-request", "more than the limit of 2G"}}},
		{"node selectors", func(o *Options) { o.NodeSelector = []string{"a.io/b=c", "d=", "d="} }, nil},
		{"node selector without value", func(o *Options) { o.NodeSelector = []string{"ci"} }, []complaint{{"--node-selector", "no value"}}},
		{"node selector with a bad key", func(o *Options) { o.NodeSelector = []string{"a b=c"} }, []complaint{{"--node-selector", "key"}}},
		{"node selector with a bad value", func(o *Options) { o.NodeSelector = []string{"a=b c"} }, []complaint{{"--node-selector", "value"}}},
		{"contradictory node selectors", func(o *Options) { o.NodeSelector = []string{"a=b", "a=c"} }, []complaint{{"--node-selector", "another value"}}},
		{"tolerations", func(o *Options) { o.Tolerations = []string{"a", "a=b", "a:NoExecute", "x.io/a=:PreferNoSchedule"} }, nil},
		{"toleration with an unknown effect", func(o *Options) { o.Tolerations = []string{"a=b:Never", "a:"} },
			[]complaint{{"--toleration", "effect"}, {"--toleration", "effect"}}},
		{"toleration without a key", func(o *Options) { o.Tolerations = []string{":NoSchedule", ""} }, []complaint{{"--toleration", "key"}, {"--toleration", "key"}}},
		{"toleration with a bad value", func(o *Options) { o.Tolerations = []string{"a=b c"} }, []complaint{{"--toleration", "value"}}},
		{"priority class", func(o *Options) { o.PriorityClass = "High" }, []complaint{{"--priority-class", "PriorityClass"}}},

		{"cache limit in docker's units", func(o *Options) { o.CacheLimit = "20GB" }, nil},
		{"cache limit of zero", func(o *Options) { o.CacheLimit = "0%" }, []complaint{{"--cache-limit", "between 1% and 95%"}}},
		{"cache limit of all", func(o *Options) { o.CacheLimit = "96%" }, []complaint{{"--cache-limit", "between 1% and 95%"}}},
		{"cache limit of half a percent", func(o *Options) { o.CacheLimit = "0.5%" }, []complaint{{"--cache-limit", "whole percentage"}}},
		{"high water without a percent sign", func(o *Options) { o.HighWater = "85" }, []complaint{{"--high-water", "neither a whole percentage nor none"}}},
		{"high water of half a percent", func(o *Options) { o.HighWater = "84.5%" }, []complaint{{"--high-water", "neither"}}},
		{"high water too low", func(o *Options) { o.HighWater, o.CacheLimit = "9%", "5%" }, []complaint{{"--high-water", "between 10% and 98%"}}},
		{"high water too high", func(o *Options) { o.HighWater = "99%" }, []complaint{{"--high-water", "between 10% and 98%"}}},
		{"cache above the default high water", func(o *Options) { o.CacheLimit = "87%" }, []complaint{{"--cache-limit", "less than --high-water 85%"}}},
		{"high water below the cache", func(o *Options) { o.HighWater, o.CacheLimit = "75%", "75%" }, []complaint{{"--high-water", "greater than --cache-limit 75%"}}},
		{"high water just above the cache", func(o *Options) { o.HighWater, o.CacheLimit = "76%", "75%" }, nil},
		{"no high water", func(o *Options) { o.HighWater, o.CacheLimit = "none", "95%" }, nil},
		{"cache limit over the size", func(o *Options) { o.StorageSize, o.CacheLimit = "10Gi", "11Gi" }, []complaint{{"--cache-limit", "larger than the volume of 10Gi"}}},
		{"cache limit of the size", func(o *Options) { o.StorageSize, o.CacheLimit = "10Gi", "10Gi" }, nil},

		{"published ports", func(o *Options) { o.PublishPorts = "20000-20099" }, nil},
		{"one published port", func(o *Options) { o.PublishPorts = "20000" }, []complaint{{"--publish-ports", "not a range of ports up to 65535"}}},
		{"published ports that end before they begin", func(o *Options) { o.PublishPorts = "30000-20000" }, []complaint{{"--publish-ports", "not a range"}}},
		{"published ports beyond the last", func(o *Options) { o.PublishPorts = "60000-65536" }, []complaint{{"--publish-ports", "not a range"}}},
		{"published ports in words", func(o *Options) { o.PublishPorts = "20000-20099 " }, []complaint{{"--publish-ports", "not a range"}}},
		{"privileged published ports", func(o *Options) { o.PublishPorts = "1023-2000" }, []complaint{{"--publish-ports", "begins below 1024"}}},
		{"published ports with the daemon's", func(o *Options) { o.PublishPorts = "2376-9999" }, []complaint{{"--publish-ports", "contains 2375 or 2376"}}},
		{"one port", func(o *Options) { o.PublishPorts = "20000-20000" }, nil},
		{"nearly all ports", func(o *Options) { o.PublishPorts = "10999-64535" }, nil},
		{"all ports", func(o *Options) { o.PublishPorts = "10999-64536" }, []complaint{{"--publish-ports", "leaves fewer than 1000 ports"}}},
		{"published ports with user namespaces", func(o *Options) { o.PublishPorts, o.DockerdArgs = "20000-20099", []string{"--userns-remap=default"} },
			[]complaint{{"--publish-ports", "conflicts with --dockerd-arg=--userns-remap"}}},

		{"schedule by name", func(o *Options) { o.PruneSchedule = "@weekly" }, nil},
		{"no schedule", func(o *Options) { o.PruneSchedule = "none" }, nil},
		{"schedule of six fields", func(o *Options) { o.PruneSchedule = "0 0 0 * * 0" }, []complaint{{"--prune-schedule", "not a cron"}}},
		{"schedule out of range", func(o *Options) { o.PruneSchedule = "0 25 * * *" }, []complaint{{"--prune-schedule", "not a cron"}}},
		{"schedule with a zone", func(o *Options) { o.PruneSchedule = "CRON_TZ=UTC 0 0 * * 0" }, []complaint{{"--prune-schedule", "time zone"}}},
		{"schedule that never runs", func(o *Options) { o.PruneSchedule = "0 0 31 2 *" }, []complaint{{"--prune-schedule", "never runs"}}},
		{"schedule of leap days", func(o *Options) { o.PruneSchedule = "0 0 29 2 *" }, nil},
		{"time zone", func(o *Options) { o.PruneTimezone = "America/Argentina/Buenos_Aires" }, nil},
		{"time zone unknown", func(o *Options) { o.PruneTimezone = "Europe/Bonn" }, []complaint{{"--prune-timezone", "not a time zone"}}},
		{"time zone local", func(o *Options) { o.PruneTimezone = "Local" }, []complaint{{"--prune-timezone", "not a time zone"}}},
		{"time zone without schedule", func(o *Options) { o.PruneSchedule, o.PruneTimezone = "none", "UTC" }, []complaint{{"--prune-timezone", "no effect"}}},
		{"unused for zero", func(o *Options) { o.PruneUnusedFor = "0" }, nil},
		{"unused for days", func(o *Options) { o.PruneUnusedFor = "7d12h" }, nil},
		{"unused for a negative time", func(o *Options) { o.PruneUnusedFor = "-1h" }, []complaint{{"--prune-unused-for", "negative"}}},
		{"unused for less than a second", func(o *Options) { o.PruneUnusedFor = "10ms" }, []complaint{{"--prune-unused-for", "less than a second"}}},
		{"a maximum age of nothing", func(o *Options) { o.MaxContainerAge = "0" }, []complaint{{"--max-container-age", "every container"}}},
		{"no drain", func(o *Options) { o.DrainTimeout = "0" }, nil},
		{"a negative drain", func(o *Options) { o.DrainTimeout = "-1m" }, []complaint{{"--drain-timeout", "is negative"}}},
		{"a maximum age in words", func(o *Options) { o.MaxContainerAge = "day" }, []complaint{{"--max-container-age", "not a duration"}}},
		{"a maximum age in days", func(o *Options) { o.MaxContainerAge = "1d" }, nil},
		{"unused for a number", func(o *Options) { o.PruneUnusedFor = "24" }, []complaint{{"--prune-unused-for", "not a duration"}}},

		{"namespaces", func(o *Options) { o.AllowNamespaces = []string{"a", "b", "a"} }, nil},
		{"invalid namespace", func(o *Options) { o.AllowNamespaces = []string{"a", "*"} }, []complaint{{"--allow-namespace", "not a valid namespace name"}}},
		{"namespaces without a policy", func(o *Options) { o.AllowNamespaces, o.NoNetworkPolicy = []string{"a"}, true }, []complaint{{"--allow-namespace", "no effect"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := Defaults()
			test.change(&o)
			checkComplaints(t, o.Validate(), test.want)
		})
	}
}

// checkComplaints compares the errors in order, and checks that each has a hint.
func checkComplaints(t *testing.T, err error, want []complaint) {
	t.Helper()
	var errs OptionErrors
	if err != nil && !errors.As(err, &errs) {
		t.Fatalf("%T is not OptionErrors: %v", err, err)
	}
	if (err == nil) != (len(errs) == 0) {
		t.Errorf("error %v with %d option errors", err, len(errs))
	}
	same := slices.EqualFunc(errs, want, func(p *OptionError, c complaint) bool {
		return p.Option == c.option && strings.Contains(p.Reason, c.reason)
	})
	if !same {
		t.Errorf("errors:\n%v\nwant:\n%v", err, want)
	}
	for _, p := range errs {
		if p.Hint == "" || !strings.HasSuffix(p.Hint, ".") || strings.HasSuffix(p.Reason, ".") {
			t.Errorf("the hint must end with a full stop, the reason must not: %+v", p)
		}
	}
}

func TestOptionErrorsHideSecrets(t *testing.T) {
	o := with(func(o *Options) {
		o.RegistryMirrors = []string{"https://user:hunter2@mirror"}
		o.InsecureRegistries = []string{"https://user:hunter2@registry"}
		o.Env = []string{"TOKEN-X=hunter2"}
	})
	err := o.Validate()
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("no error, or an error that contains a secret: %v", err)
	}
}

func TestOptionErrorsUnwrap(t *testing.T) {
	err := with(func(o *Options) { o.Name, o.MTU = "A", "B" }).Validate()
	var first *OptionError
	if !errors.As(err, &first) || first.Option != "--name" {
		t.Errorf("errors.As finds %v", first)
	}
	if want := "--name \"A\": is not a valid Service name\n--mtu \"B\": is neither auto nor a number of bytes from 68 to 65535"; err.Error() != want {
		t.Errorf("Error() = %q, want %q", err.Error(), want)
	}
	if got := (&OptionError{Option: "--x", Reason: "is missing"}).Error(); got != "--x: is missing" {
		t.Errorf("Error() = %q", got)
	}
}
