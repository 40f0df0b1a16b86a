package dind

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dindctl/dindctl/internal/redact"
)

// hostPattern matches a DNS name. Like dockerd, it allows upper case.
var hostPattern = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*$`)

const mirrorHint = "Use a URL such as https://mirror.example.com, or for another registry than Docker Hub HOST=URL such as quay.io=https://mirror.example.com."

func (o Options) checkRegistries(errs *OptionErrors) {
	for _, mirror := range o.RegistryMirrors {
		registry, address := splitMirror(mirror)
		major, known := majorOf(EngineVersion(o.Image))
		if reason := hostProblem(registry); reason != "" {
			errs.add("--registry-mirror", redact.Address(mirror), "names a registry that "+reason, mirrorHint)
		} else if reason := o.mirrorProblem(address); reason != "" {
			errs.add("--registry-mirror", redact.Address(mirror), reason, mirrorHint)
		} else if registry != dockerHub && known && major < MirrorsFrom {
			errs.add("--registry-mirror", redact.Address(mirror),
				fmt.Sprintf("is a mirror of another registry than Docker Hub, which Docker Engine %d does not support", major),
				fmt.Sprintf("Use an image with Docker Engine %d or later.", MirrorsFrom))
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

// hostProblem returns why a text is not the host[:port] of a registry in image names, ""
// if it is. The files of an IPv6 address would need another name for each engine.
func hostProblem(host string) string {
	if strings.ContainsAny(host, "/[]") || registryProblem(host) != "" {
		return "is not host[:port]"
	}
	return ""
}

// maxAuthorities limits the certificates of all registries, in bytes: a ConfigMap has at
// most 1 MiB.
const maxAuthorities = 256 << 10

func (o Options) checkRegistryCAs(errs *OptionErrors) {
	const option = "--registry-ca"
	total := 0
	for _, authority := range o.RegistryCAs {
		host, certificates, named := strings.Cut(authority, "=")
		total += len(certificates)
		switch {
		case !named || hostProblem(host) != "":
			errs.add(option, firstLine(authority), "does not begin with the host[:port] of a registry", "Use HOST[:PORT]=FILE such as registry.example.com:5000=ca.crt.")
		case strings.Contains(certificates, redact.Hidden): // see checkHidden
		default:
			if reason := authorityProblem(certificates); reason != "" {
				errs.add(option, host, reason, "Name a file with the certificate of the authority that signed the registry's certificate, in PEM format.")
			}
		}
	}
	if total > maxAuthorities {
		errs.add(option, "", fmt.Sprintf("all certificates together have more than %d KiB", maxAuthorities>>10),
			"Name the authorities of the registries, and not all that a system trusts.")
	}
}
