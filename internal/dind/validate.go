package dind

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/dindctl/dindctl/internal/redact"
)

// Validate tells everything that is wrong with the options, as Problems, or
// nil. It sees the options alone: what depends on the cluster, such as the size
// of a claim that is there already, is left to Build.
func (o Options) Validate() error {
	var ps Problems
	for _, check := range []func(*Problems){
		o.checkNames,
		o.checkImage,
		o.checkStorage,
		o.checkLocalVolume,
		o.checkRegistries,
		o.checkDaemon,
		o.checkEnv,
		o.checkDockerdArgs,
		o.checkResources,
		o.checkPlacement,
		o.checkCacheLimit,
		o.checkHighWater,
		o.checkPrune,
		o.checkNetworkPolicy,
	} {
		check(&ps)
	}
	return ps.err()
}

func (o Options) checkNames(ps *Problems) {
	checkNamespace(ps, "--namespace", o.Namespace)
	switch {
	case len(validation.IsDNS1035Label(o.Name)) > 0:
		// The Service has this name, and Services are stricter than pods.
		ps.add("--name", o.Name, "is not a name that a Service can have",
			"Use lower-case letters, digits and dashes, with a letter first, for example "+DefaultName+".")
	case len(o.Name) > maxNameLength:
		ps.add("--name", o.Name, fmt.Sprintf("is longer than %d characters", maxNameLength),
			"Choose a shorter name: the CronJob is called "+CronJobName("NAME")+", and Kubernetes allows it 52 characters.")
	}
	checkSecretNames(ps, "--image-pull-secret", o.ImagePullSecrets)
	checkSecretNames(ps, "--env-from-secret", o.EnvFromSecrets)
}

// CheckNamespace tells what is wrong with the name of a namespace that an option
// gives which is not one of Options.
func CheckNamespace(option, namespace string) (ps Problems) {
	checkNamespace(&ps, option, namespace)
	return ps
}

func checkNamespace(ps *Problems, option, namespace string) {
	if len(validation.IsDNS1123Label(namespace)) > 0 {
		ps.add(option, namespace, "is not the name of a namespace",
			"Use lower-case letters, digits and dashes, 63 characters at most.")
	}
}

func checkObjectName(ps *Problems, option, name, kind string) {
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		ps.add(option, name, "is not a name that "+kind+" can have",
			"Use lower-case letters, digits, dashes and dots.")
	}
}

// checkSecretNames repeats what looks like a name; what else somebody gives may
// be the secret itself.
func checkSecretNames(ps *Problems, option string, names []string) {
	for _, name := range names {
		shown := name
		if strings.ContainsAny(name, ":=@/ ") {
			shown = redact.Hidden
		}
		if len(validation.IsDNS1123Subdomain(name)) > 0 {
			ps.add(option, shown, "is not a name that a Secret can have", "Use lower-case letters, digits, dashes and dots.")
		}
	}
}

func (o Options) checkNetworkPolicy(ps *Problems) {
	const option = "--allow-namespace"
	for _, namespace := range o.AllowNamespaces {
		checkNamespace(ps, option, namespace)
	}
	if o.NoNetworkPolicy && len(o.AllowNamespaces) > 0 {
		ps.add(option, strings.Join(o.AllowNamespaces, ","), "has no effect together with --no-network-policy",
			"Without a policy every pod of the cluster may reach the daemon. Leave one of the two out.")
	}
}
