package dind

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dindctl/dindctl/internal/redact"
)

var (
	wordPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)
	// hostPattern matches a DNS name. Like dockerd, it allows upper case.
	hostPattern = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*$`)
)

func (o Options) checkRegistries(errs *OptionErrors) {
	for _, mirror := range o.RegistryMirrors {
		if reason := o.mirrorProblem(mirror); reason != "" {
			errs.add("--registry-mirror", redact.Address(mirror), reason, "Use a URL such as https://mirror.example.com.")
		}
	}
	for _, registry := range o.InsecureRegistries {
		if reason := registryProblem(registry); reason != "" {
			errs.add("--insecure-registry", redact.Address(registry), reason,
				"Use host[:port] such as registry.example.com:5000, or a CIDR such as 10.0.0.0/8.")
		}
	}
}

// mirrorProblem applies dockerd's rules (moby's ValidateMirror): dockerd does not start
// with an invalid mirror.
func (o Options) mirrorProblem(mirror string) string {
	u, err := url.Parse(mirror)
	major, known := majorOf(EngineVersion(o.Image))
	switch {
	case !strings.Contains(mirror, "://"):
		return "must start with http:// or https://"
	case err != nil, !utf8.ValidString(mirror):
		return "is not a URL"
	case u.Scheme != "http" && u.Scheme != "https":
		return "must start with http:// or https://"
	case u.User != nil:
		return "contains a user name or password, which the daemon rejects"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(mirror, "#"):
		return "has a query or fragment"
	case registryProblem(u.Host) != "" || strings.Contains(u.Host, "/"):
		return "has an invalid host"
	case strings.Trim(u.Path, "/") != "" && known && major < 24:
		return "has a path, which engines before 24 reject"
	}
	return ""
}

// registryProblem applies dockerd's rules for --insecure-registry, and rejects a scheme,
// which dockerd would ignore.
func registryProblem(registry string) string {
	if strings.Contains(registry, "://") {
		return "has a scheme"
	}
	if _, err := netip.ParsePrefix(registry); err == nil {
		return ""
	}
	host, port, err := net.SplitHostPort(registry)
	if err != nil {
		host, port = strings.TrimSuffix(strings.TrimPrefix(registry, "["), "]"), "1"
	}
	if _, err := netip.ParseAddr(host); err != nil && !hostPattern.MatchString(host) {
		return "is neither host[:port] nor a CIDR"
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "has a port that is not between 1 and 65535"
	}
	return ""
}

func (o Options) checkDaemon(errs *OptionErrors) {
	if o.StorageDriver != "" && !wordPattern.MatchString(o.StorageDriver) {
		errs.add("--storage-driver", o.StorageDriver, "is not a valid storage driver name",
			"Omit it to let the engine choose, or use a name such as overlay2.")
	}
	if o.MTU != DefaultMTU {
		// IPv4 requires at least 68.
		if n, err := strconv.ParseUint(o.MTU, 10, 16); err != nil || n < 68 {
			errs.add("--mtu", o.MTU, "is neither auto nor a number of bytes from 68 to 65535",
				"Omit it to use the MTU of the pod's network.")
		}
	}
}
