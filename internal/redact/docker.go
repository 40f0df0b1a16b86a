package redact

import (
	"regexp"
	"slices"
	"strings"
)

// publicFlags are flags of dockerd whose values are no secrets, apart from logins in
// URLs. Any other flag, such as --log-opt, may have one.
var publicFlags = []string{
	"--add-runtime", "--allow-direct-routing", "--bip", "--bridge", "--cgroup-parent", "--containerd", "--containerd-namespace",
	"--data-root", "--debug", "--default-address-pool", "--default-cgroupns-mode", "--default-ipc-mode", "--default-network-opt",
	"--default-runtime", "--default-shm-size", "--default-ulimit", "--dns", "--dns-opt", "--dns-search", "--exec-opt", "--exec-root",
	"--experimental", "--feature", "--firewall-backend", "--fixed-cidr", "--fixed-cidr-v6", "--graph", "--group", "--host",
	"--host-gateway-ip", "--http-proxy", "--https-proxy", "--icc", "--init", "--init-path", "--insecure-registry", "--ip",
	"--ip-forward", "--ip-masq", "--ip6tables", "--iptables", "--ipv6", "--live-restore", "--log-driver", "--log-format",
	"--log-level", "--max-concurrent-downloads", "--max-concurrent-uploads", "--max-download-attempts", "--metrics-addr", "--mtu",
	"--network-control-plane-mtu", "--no-proxy", "--oom-score-adjust", "--pidfile", "--raw-logs", "--registry-mirror",
	"--selinux-enabled", "--shutdown-timeout", "--storage-driver", "--storage-opt", "--tls", "--tlscacert", "--tlscert", "--tlskey",
	"--tlsverify", "--userland-proxy", "--userland-proxy-path", "--userns-remap",
}

// publicVariables are variables of docker's image whose values are no secrets.
var publicVariables = []string{
	"DOCKER_CERT_PATH", "DOCKER_DRIVER", "DOCKER_HOST", "DOCKER_IPTABLES_LEGACY", "DOCKER_TLS", "DOCKER_TLS_CERTDIR",
	"DOCKER_TLS_SAN", "DOCKER_TLS_VERIFY",
}

var flagPattern = regexp.MustCompile(`^(-[a-zA-Z]|--[a-z0-9-]+)$`)

// Flag returns an argument of dockerd with the value hidden if it may be a secret.
// Anything that is not a flag is hidden.
func Flag(arg string) string {
	name, value, joined := strings.Cut(arg, "=")
	switch {
	case !flagPattern.MatchString(name):
		return Hidden
	case !joined:
		return name
	case !slices.Contains(publicFlags, name):
		return name + "=" + Hidden
	case strings.Contains(value, "@"):
		return name + "=" + Address(value)
	}
	return arg
}

// PublicVariable reports whether the values of an environment variable are no secrets.
func PublicVariable(name string) bool { return slices.Contains(publicVariables, name) }
