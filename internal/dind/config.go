package dind

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"

	applycore "k8s.io/client-go/applyconfigurations/core/v1"
)

// configKey is the file's name in the ConfigMap and in /etc/docker.
const configKey = "daemon.json"

// daemonConfig is the part of dockerd's configuration that dindctl sets. A
// setting that is here and a flag as well stops dockerd from starting, so this
// and checkDockerdArgs belong together. hosts is never set: the image's
// entrypoint gives it as a flag.
type daemonConfig struct {
	Builder            builderConfig     `json:"builder"`
	InsecureRegistries []string          `json:"insecure-registries,omitempty"`
	LogDriver          string            `json:"log-driver,omitempty"`
	LogOpts            map[string]string `json:"log-opts,omitempty"`
	RegistryMirrors    []string          `json:"registry-mirrors,omitempty"`
}

type builderConfig struct {
	GC gcConfig `json:"gc"`
}

// gcConfig sets the one limit that every engine since 19.03 understands; from
// 28 on defaultKeepStorage is another name of defaultReservedSpace. Bytes are
// the one form that they all read alike.
type gcConfig struct {
	Enabled            bool   `json:"enabled"`
	DefaultKeepStorage string `json:"defaultKeepStorage"`
}

func (p plan) daemonJSON() string {
	config := daemonConfig{
		Builder:            builderConfig{GC: gcConfig{Enabled: true, DefaultKeepStorage: strconv.FormatInt(p.cacheBytes, 10)}},
		InsecureRegistries: p.insecureRegistries(),
		RegistryMirrors:    p.RegistryMirrors,
	}
	if !p.hasArg("--log-driver", "--log-opt") {
		// Without a bound the log of one chatty container fills the volume.
		config.LogDriver = "json-file"
		config.LogOpts = map[string]string{"max-size": "10m", "max-file": "3"}
	}
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		panic(err) // strings, bools and maps of strings always marshal
	}
	return string(text) + "\n"
}

// insecureRegistries are the user's and the mirrors that are spoken to in plain
// HTTP: the builder of engines before 27 takes a mirror's scheme from here, and
// not from its URL.
func (p plan) insecureRegistries() []string {
	registries := slices.Clone(p.InsecureRegistries)
	for _, mirror := range p.RegistryMirrors {
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
	data[configKey] = p.daemonJSON()
	return data
}

// configHash changes when a file does that the daemon's pod reads as it starts,
// which are all but the script of the clean-up. It needs to differ, not to resist
// an attacker: whoever can change the ConfigMap can change the pod.
func configHash(data map[string]string) string {
	sum := sha256.New()
	for _, key := range slices.Sorted(maps.Keys(data)) {
		if key != pruneScriptName {
			fmt.Fprintf(sum, "%s\n%s\n", key, data[key])
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

func (p plan) config() *applycore.ConfigMapApplyConfiguration {
	return applycore.ConfigMap(ConfigName(p.Name), p.Namespace).WithLabels(p.labels()).WithData(p.configData())
}
