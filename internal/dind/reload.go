package dind

import (
	"net/url"
	"slices"
	"strings"
)

// Registries are the lists of registries that a running daemon reads again.
type Registries struct{ Mirrors, Insecure []string }

// RegistriesOf returns the registries that these options give the daemon.
func RegistriesOf(o Options) Registries {
	return Registries{o.mirrorsOf(dockerHub), o.insecureRegistries()}
}

// In reports whether a daemon that has these registries has them by these options. It
// writes them in its own way: addresses of mirrors end in a slash, for example.
func (r Registries) In(daemon Registries) bool {
	return same(r.Mirrors, daemon.Mirrors) && same(r.Insecure, daemon.Insecure)
}

func same(a, b []string) bool { return slices.Equal(normal(a), normal(b)) }

func normal(registries []string) (all []string) {
	for _, registry := range registries {
		if u, err := url.Parse(registry); err == nil && u.Host != "" {
			registry = u.Scheme + "://" + u.Host + u.Path
		}
		all = append(all, strings.ToLower(strings.TrimRight(registry, "/")))
	}
	slices.Sort(all)
	return slices.Compact(all)
}
