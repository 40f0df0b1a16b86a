package dind

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"

	applycore "k8s.io/client-go/applyconfigurations/core/v1"
)

// configKey is the file's name in the ConfigMap. The daemon reads what limits.sh makes of
// it when the pod starts, so a change restarts the pod, unless it is one of registries:
// see reload.sh.
const configKey = "daemon.json"

// daemonConfig is the part of dockerd's configuration that dindctl sets. dockerd does
// not start if a setting is both here and a flag: keep this consistent with
// checkDockerdArgs. The image's entrypoint sets hosts as a flag.
type daemonConfig struct {
	Builder struct {
		GC gcConfig `json:"gc"`
	} `json:"builder"`
	InsecureRegistries []string          `json:"insecure-registries,omitempty"`
	LogDriver          string            `json:"log-driver,omitempty"`
	LogOpts            map[string]string `json:"log-opts,omitempty"`
	MetricsAddr        string            `json:"metrics-addr,omitempty"`
	RegistryMirrors    []string          `json:"registry-mirrors,omitempty"`
}

// gcConfig keeps the most recently used build cache of every type under one limit, and
// removes what was not used for PruneUnusedFor: not every engine can leave that to the prune,
// see forgets_cache in images.sh. The engine's own policy would drop cache mounts after two
// days.
type gcConfig struct {
	Enabled bool     `json:"enabled"`
	Policy  []gcRule `json:"policy"`
}

// gcRule sets the one limit that every engine since 19.03 supports, in bytes, which all
// of them read alike. limits.sh replaces it where the file system is smaller, and adds
// what only engines since 28 support. With All the rule also removes cache that the
// builder has for itself.
type gcRule struct {
	All         bool     `json:"all,omitempty"`
	Filter      []string `json:"filter,omitempty"`
	KeepStorage string   `json:"keepStorage"`
}

func (p plan) daemonJSON() string { return p.daemonConfig(RegistriesOf(p.Options)) }

func (p plan) daemonConfig(registries Registries) string {
	config := daemonConfig{InsecureRegistries: registries.Insecure, RegistryMirrors: registries.Mirrors}
	limit := strconv.FormatInt(p.cacheBytes, 10)
	policy := []gcRule{{KeepStorage: limit}, {All: true, KeepStorage: limit}}
	if age, _ := parseUnusedFor(p.PruneUnusedFor); age != "0" && p.PruneSchedule != NoSchedule {
		policy = append(policy, gcRule{All: true, Filter: []string{"unused-for=" + age}, KeepStorage: "0"})
	}
	config.Builder.GC = gcConfig{Enabled: true, Policy: policy}
	if !p.hasArg("--log-driver", "--log-opt") {
		// Without a limit the log of one container can fill the volume.
		config.LogDriver = "json-file"
		config.LogOpts = map[string]string{"max-size": "10m", "max-file": "3"}
	}
	if p.Metrics {
		config.MetricsAddr = net.JoinHostPort(engineMetricsHost, strconv.Itoa(engineMetricsPort))
	}
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		panic(err) // strings, bools and maps of strings always marshal
	}
	return string(text) + "\n"
}

// insecureRegistries returns InsecureRegistries and Docker Hub's mirrors with plain HTTP: the
// builder of engines before 27 ignores the scheme in a mirror's URL and uses this.
func (o Options) insecureRegistries() []string {
	registries := slices.Clone(o.InsecureRegistries)
	for _, mirror := range o.mirrorsOf(dockerHub) {
		u, err := url.Parse(mirror)
		if err == nil && u.Scheme == "http" && !slices.Contains(registries, u.Host) {
			registries = append(registries, u.Host)
		}
	}
	return registries
}

// configData returns the files of the ConfigMap.
func (p plan) configData() map[string]string {
	data := scripts()
	maps.Copy(data, p.registryFiles())
	data[configKey] = p.daemonJSON()
	return data
}

// startHash returns a hash of what the daemon's pod reads only when it starts.
func (p plan) startHash() string {
	data := p.configData()
	data[configKey] = p.daemonConfig(Registries{})
	return configHash(data)
}

// configHash returns a hash of the files that the daemon's pod reads: all but the scripts
// of the prune. It does not protect against attackers: anyone who can change the ConfigMap
// can change the pod.
func configHash(data map[string]string) string {
	sum := sha256.New()
	for _, key := range slices.Sorted(maps.Keys(data)) {
		if key != pruneScriptName && key != certificatesScriptName {
			fmt.Fprintf(sum, "%s\n%s\n", key, data[key])
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

func (p plan) config() *applycore.ConfigMapApplyConfiguration {
	return applycore.ConfigMap(ConfigName(p.Name), p.Namespace).WithLabels(p.labels()).WithData(p.configData())
}
