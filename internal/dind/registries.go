package dind

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/url"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

const (
	// dockerHub is Docker Hub's name in image names, hubServer that of its server.
	dockerHub = "docker.io"
	hubServer = "registry-1.docker.io"
	// MirrorsFrom is the first major version of the engine that has mirrors of other
	// registries: it reads hosts.toml.
	MirrorsFrom = 28

	// The files of a registry in the ConfigMap. registries.sh copies each to the
	// directory where all engines and their builders look for it.
	authorityPrefix, authoritySuffix = "registry-ca.", ".crt"
	hostsPrefix, hostsSuffix         = "registry-hosts.", ".toml"
	certsDirectory                   = "/etc/docker/certs.d/"
)

// splitMirror splits [HOST=]URL into the registry and the mirror's URL.
func splitMirror(mirror string) (registry, address string) {
	host, address, named := strings.Cut(mirror, "=")
	switch {
	case !named || strings.Contains(host, "/"): // the equals sign is in the URL
		return dockerHub, mirror
	case host == "index."+dockerHub || host == hubServer:
		return dockerHub, address
	}
	return host, address
}

// mirrorsOf returns the URLs of a registry's mirrors.
func (o Options) mirrorsOf(registry string) []string {
	var addresses []string
	for _, mirror := range o.RegistryMirrors {
		if of, address := splitMirror(mirror); of == registry {
			addresses = append(addresses, address)
		}
	}
	return addresses
}

// MirroredRegistries returns the registries besides Docker Hub that have a mirror.
func (o Options) MirroredRegistries() []string {
	var registries []string
	for _, mirror := range o.RegistryMirrors {
		if of, _ := splitMirror(mirror); of != dockerHub {
			registries = append(registries, of)
		}
	}
	return unique(registries)
}

// authorities returns the certificates that the daemon trusts for a registry.
func (o Options) authorities(registry string) string {
	for _, authority := range o.RegistryCAs {
		if host, certificates, _ := strings.Cut(authority, "="); host == registry {
			return certificates
		}
	}
	return ""
}

// registryFiles returns the files of the registries, by their key in the ConfigMap.
func (o Options) registryFiles() map[string]string {
	files := map[string]string{}
	for _, authority := range o.RegistryCAs {
		host, certificates, _ := strings.Cut(authority, "=")
		files[registryKey(authorityPrefix, host, authoritySuffix)] = certificates
	}
	for _, registry := range append(o.MirroredRegistries(), dockerHub) {
		// dockerd knows Docker Hub's mirrors from daemon.json, but with containerd's image
		// store it uses the authorities of Docker Hub for them.
		if registry != dockerHub || slices.ContainsFunc(o.mirrorsOf(dockerHub), func(address string) bool { return o.authorities(hostOf(address)) != "" }) {
			files[registryKey(hostsPrefix, registry, hostsSuffix)] = o.hostsFile(registry)
		}
	}
	return files
}

// registryKey returns the key of a registry's file. Keys have no colons, hosts no
// underscores.
func registryKey(prefix, host, suffix string) string {
	return prefix + strings.ReplaceAll(host, ":", "_") + suffix
}

// hostsFile returns the registry's hosts.toml: its mirrors, in this order, and then the
// registry itself, with the authorities of each. Only the registry gets pushes. See
// https://github.com/containerd/containerd/blob/main/docs/hosts.md
func (o Options) hostsFile(registry string) string {
	var file strings.Builder
	server, scheme := registry, "https"
	if registry == dockerHub {
		server = hubServer
	}
	if o.insecure(registry) {
		scheme = "http" // with skip_verify: HTTPS without verification, then HTTP
	}
	fmt.Fprintf(&file, "server = %q\n", scheme+"://"+server)
	o.writeTrust(&file, registry)
	for _, address := range o.mirrorsOf(registry) {
		fmt.Fprintf(&file, "\n[host.%q]\n  capabilities = [\"pull\", \"resolve\", \"referrers\"]\n", strings.TrimSuffix(address, "/"))
		if u, err := url.Parse(address); err == nil && strings.HasPrefix(u.Path, "/v2/") {
			file.WriteString("  override_path = true\n") // the path is where the API begins
		}
		o.writeTrust(&file, hostOf(address))
	}
	return file.String()
}

// writeTrust writes whom the daemon trusts for a host of hosts.toml: there the directory
// of the host, and --insecure-registry, count for nothing.
func (o Options) writeTrust(file *strings.Builder, host string) {
	if o.authorities(host) != "" {
		fmt.Fprintf(file, "  ca = %q\n", certsDirectory+host+"/dindctl.crt")
	}
	if o.insecure(host) {
		file.WriteString("  skip_verify = true\n")
	}
}

func (o Options) insecure(host string) bool { return slices.Contains(o.InsecureRegistries, host) }

// hostOf returns the host[:port] of a URL.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

// WithConfig returns the options with the authorities of registries that the
// installation's ConfigMap has; config may be nil.
func (o Options) WithConfig(config *corev1.ConfigMap) Options {
	if config == nil {
		return o
	}
	var last Options
	for _, authority := range o.RegistryCAs {
		host, _, _ := strings.Cut(authority, "=")
		if certificates := config.Data[registryKey(authorityPrefix, host, authoritySuffix)]; certificates != "" {
			last.RegistryCAs = append(last.RegistryCAs, host+"="+certificates)
		}
	}
	return o.WithHidden(last)
}

// authorityProblem returns why a text is not certificates in PEM format, "" if it is.
func authorityProblem(text string) string {
	rest, found := []byte(text), 0
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return "contains a private key, which the daemon does not need"
		}
		if _, err := x509.ParseCertificate(block.Bytes); block.Type != "CERTIFICATE" || err != nil {
			return "contains something other than certificates"
		}
		found++
	}
	if found == 0 {
		return "contains no certificate"
	}
	return ""
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
