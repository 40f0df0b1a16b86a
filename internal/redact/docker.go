package redact

import (
	"regexp"
	"slices"
	"strings"
)

// publicFlags are flags of dockerd whose values are no secrets, apart from logins in
// URLs. Any other flag, such as --log-opt, may have one, unless its value is a number or
// a boolean.
var publicFlags = []string{
	"--add-runtime", "--bip", "--bridge", "--cgroup-parent", "--containerd", "--containerd-namespace", "--data-root",
	"--default-address-pool", "--default-cgroupns-mode", "--default-ipc-mode", "--default-network-opt", "--default-runtime",
	"--default-shm-size", "--default-ulimit", "--dns", "--dns-opt", "--dns-search", "--exec-opt", "--exec-root", "--feature",
	"--firewall-backend", "--fixed-cidr", "--fixed-cidr-v6", "--graph", "--group", "--host", "--host-gateway-ip", "--http-proxy",
	"--https-proxy", "--init-path", "--insecure-registry", "--ip", "--log-driver", "--log-format", "--log-level", "--metrics-addr",
	"--no-proxy", "--pidfile", "--registry-mirror", "--storage-driver", "--storage-opt", "--tlscacert", "--tlscert", "--tlskey",
	"--userland-proxy-path", "--userns-remap",
}

// publicVariables are variables of docker's image and of the Jobs whose values are no
// secrets.
var publicVariables = []string{
	"DOCKER_CERT_PATH", "DOCKER_DRIVER", "DOCKER_HOST", "DOCKER_IPTABLES_LEGACY", "DOCKER_TLS", "DOCKER_TLS_CERTDIR",
	"DOCKER_TLS_SAN", "DOCKER_TLS_VERIFY", "HOME", "PRUNE_KEEP_STORAGE", "PRUNE_UNUSED_FOR", "VERIFY_EXPECT", "VERIFY_TOKEN",
}

var (
	flagPattern = regexp.MustCompile(`^(-[a-zA-Z]|--[a-z0-9-]+)$`)
	plainValue  = regexp.MustCompile(`^(-?[0-9]{1,10}|true|false)$`)
	shortFlag   = regexp.MustCompile(`^-[a-zA-Z].`)
)

// Flag returns an argument of dockerd with the value hidden if it may be a secret.
// Anything that is not a flag is hidden.
func Flag(arg string) string {
	name, value, joined := strings.Cut(arg, "=")
	switch {
	case shortFlag.MatchString(name):
		return arg[:2] + Hidden // -lVALUE
	case !flagPattern.MatchString(name):
		return Hidden
	case !joined:
		return name
	case plainValue.MatchString(value):
		return arg
	case !slices.Contains(publicFlags, name):
		return name + "=" + Hidden
	case strings.Contains(value, "@"):
		return name + "=" + Address(value)
	}
	return arg
}

// FlagSecrets returns the value of an argument of dockerd, or anything else that it is,
// if it may be a secret.
func FlagSecrets(arg string) []string {
	if Flag(arg) == arg {
		return nil
	}
	if _, value, joined := strings.Cut(arg, "="); joined {
		return []string{value}
	}
	return []string{arg}
}

// PublicVariable reports whether the values of an environment variable are no secrets.
func PublicVariable(name string) bool { return slices.Contains(publicVariables, name) }
