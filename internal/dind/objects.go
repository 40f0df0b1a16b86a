package dind

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	applyapps "k8s.io/client-go/applyconfigurations/apps/v1"
	applybatch "k8s.io/client-go/applyconfigurations/batch/v1"
	"sigs.k8s.io/yaml"
)

// Object is the apply configuration of one object.
type Object interface {
	GetKind() *string
	GetNamespace() *string
	GetName() *string
}

// Objects are the objects of one installation in the order in which to apply them:
// each before those that refer to it, and the NetworkPolicy before the daemon.
type Objects []Object

// Group says which installations have an object.
type Group int

// The groups of objects.
const (
	Core         Group = iota // any installation
	LocalStorage              // with LocalPath
	TLSSecrets                // with TLS
	Monitoring                // with Metrics, where the cluster serves the kind
)

// Part names an object that an installation may have.
type Part struct {
	Group
	Kind, Name string
}

// Parts returns the objects that an installation may have, in the order of Objects,
// without the copies in other namespaces.
func Parts(namespace, name string) []Part {
	var all []Part
	for _, row := range parts() {
		all = append(all, Part{row.group, row.kind, row.name(namespace, name)})
	}
	return all
}

// part is one row of the table of objects.
type part struct {
	group  Group
	kind   string
	name   func(namespace, name string) string
	wanted func(Options) bool
	build  func(plan) Object
}

func parts() []part {
	named := func(name func(string) string) func(string, string) string {
		return func(_, instance string) string { return name(instance) }
	}
	same := func(_, instance string) string { return instance }
	always := func(Options) bool { return true }
	local := func(o Options) bool { return o.LocalPath != "" }
	tls := Options.IssuesCertificates
	return []part{
		{LocalStorage, "StorageClass", func(string, string) string { return LocalStorageClass }, local, func(plan) Object { return localStorageClass() }},
		{LocalStorage, "PersistentVolume", VolumeObjectName, local, func(p plan) Object { return p.volume() }},
		{Core, "PersistentVolumeClaim", named(ClaimName), func(o Options) bool { return o.ExistingClaim == "" }, func(p plan) Object { return p.claim() }},
		{Core, "ConfigMap", named(ConfigName), always, func(p plan) Object { return p.config() }},
		{TLSSecrets, "Secret", named(ServerSecretName), tls, func(p plan) Object { return p.serverSecret() }},
		{TLSSecrets, "Secret", named(ClientSecretName), tls, func(p plan) Object { return p.clientSecret() }},
		{Core, "NetworkPolicy", same, func(o Options) bool { return !o.NoNetworkPolicy }, func(p plan) Object { return p.networkPolicy() }},
		{Monitoring, "PodMonitor", same, func(o Options) bool { return o.Metrics }, func(p plan) Object { return p.podMonitor() }},
		{Core, "Service", named(PodsServiceName), always, func(p plan) Object { return p.podsService() }},
		{Core, "Service", same, always, func(p plan) Object { return p.service() }},
		{Core, "Deployment", same, always, func(p plan) Object { return p.deployment() }},
		{Core, "CronJob", named(CronJobName), func(o Options) bool { return o.PruneSchedule != NoSchedule }, func(p plan) Object { return p.cronJob() }},
	}
}

// YAML returns the objects as YAML documents for kubectl apply.
func (o Objects) YAML() ([]byte, error) {
	var out bytes.Buffer
	for _, object := range o {
		document, err := json.Marshal(object)
		if err == nil {
			document, err = yaml.JSONToYAML(escape(document))
		}
		if err != nil {
			return nil, fmt.Errorf("render %T: %w", object, err)
		}
		out.WriteString("---\n")
		out.Write(document)
	}
	return out.Bytes(), nil
}

// escape escapes the characters that JSON allows in strings and YAML does not. See
// https://yaml.org/spec/1.2.2/#51-character-set
func escape(encoded []byte) []byte {
	var out []byte
	for _, r := range string(encoded) {
		if r >= 0x7f && r < 0xa0 || r == '\uFEFF' || r == '\uFFFE' || r == '\uFFFF' {
			out = fmt.Appendf(out, `\u%04x`, r)
			continue
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

// List is a Kubernetes list, which kubectl apply accepts as one JSON document.
type List struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Items      []any  `json:"items"`
}

// List returns the objects as a list.
func (o Objects) List() List {
	list := List{APIVersion: "v1", Kind: "List"}
	for _, object := range o {
		list.Items = append(list.Items, object)
	}
	return list
}

// deployment returns the Deployment as the API server would store it.
func (o Objects) deployment() (*appsv1.Deployment, error) {
	deployment := &appsv1.Deployment{}
	return deployment, convert(first[*applyapps.DeploymentApplyConfiguration](o), deployment)
}

// cronJob returns the CronJob; nil if there is none.
func (o Objects) cronJob() (*batchv1.CronJob, error) {
	config := first[*applybatch.CronJobApplyConfiguration](o)
	if config == nil {
		return nil, nil
	}
	cronJob := &batchv1.CronJob{}
	return cronJob, convert(config, cronJob)
}

// first returns the first object of type T.
func first[T Object](o Objects) (found T) {
	for _, object := range o {
		if object, is := object.(T); is {
			return object
		}
	}
	return found
}

// convert converts an apply configuration to an API object with the same fields.
func convert(config, object any) error {
	encoded, err := json.Marshal(config)
	if err == nil {
		err = json.Unmarshal(encoded, object)
	}
	if err != nil {
		return fmt.Errorf("converting %T: %w", config, err)
	}
	return nil
}
