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

// The smallest MTU that IPv4 allows and the largest that fits into a packet.
const minMTU, maxMTU = 68, 65535

var (
	wordPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)
	// hostPattern is a DNS name, upper case allowed as dockerd does.
	hostPattern = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*$`)
)

func (o Options) checkRegistries(ps *Problems) {
	for _, mirror := range o.RegistryMirrors {
		if reason := o.mirrorProblem(mirror); reason != "" {
			ps.add("--registry-mirror", redact.Address(mirror), reason, "Give a URL such as https://mirror.example.com.")
		}
	}
	for _, registry := range o.InsecureRegistries {
		if reason := registryProblem(registry); reason != "" {
			ps.add("--insecure-registry", redact.Address(registry), reason,
				"Give host[:port] such as registry.example.com:5000, or a network such as 10.0.0.0/8.")
		}
	}
}

// mirrorProblem applies the rules of dockerd itself (moby, ValidateMirror),
// which otherwise refuses to start: the pod would crash for ever.
func (o Options) mirrorProblem(mirror string) string {
	u, err := url.Parse(mirror)
	major, known := engineMajor(o.Image)
	switch {
	case !strings.Contains(mirror, "://"):
		return "has no scheme, http:// or https://"
	case err != nil, !utf8.ValidString(mirror):
		return "is not a URL"
	case u.Scheme != "http" && u.Scheme != "https":
		return "has a scheme other than http and https"
	case u.User != nil:
		return "has a user name or password in it, which the daemon refuses"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(mirror, "#"):
		return "has a query or fragment at its end"
	case registryProblem(u.Host) != "" || strings.Contains(u.Host, "/"):
		return "has no valid host"
	case strings.Trim(u.Path, "/") != "" && known && major < 24:
		return "has a path, which engines before 24 refuse"
	}
	return ""
}

// registryProblem applies dockerd's rules for --insecure-registry, and refuses
// the scheme that it would strip with a warning nobody reads.
func registryProblem(registry string) string {
	if strings.Contains(registry, "://") {
		return "has a scheme; only the host and its port are wanted"
	}
	if _, err := netip.ParsePrefix(registry); err == nil {
		return ""
	}
	host, port, err := net.SplitHostPort(registry)
	if err != nil {
		host, port = strings.TrimSuffix(strings.TrimPrefix(registry, "["), "]"), "1"
	}
	if _, err := netip.ParseAddr(host); err != nil && !hostPattern.MatchString(host) {
		return "is neither host[:port] nor a network"
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "has a port that is not between 1 and 65535"
	}
	return ""
}

func (o Options) checkDaemon(ps *Problems) {
	if o.StorageDriver != "" && !wordPattern.MatchString(o.StorageDriver) {
		ps.add("--storage-driver", o.StorageDriver, "is not the name of a storage driver",
			"Leave it out to let the engine choose, or name one such as overlay2.")
	}
	if o.MTU != DefaultMTU {
		if n, err := strconv.ParseUint(o.MTU, 10, 32); err != nil || n < minMTU || n > maxMTU {
			ps.add("--mtu", o.MTU, "is neither auto nor a number of bytes from 68 to 65535",
				"Leave it out: auto takes the MTU of the pod's own network.")
		}
	}
}
