package dind

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/dindctl/dindctl/internal/redact"
)

// Repeated hints.
const (
	omitOne = "Omit one of them."
	omitIt  = "Omit it."
	useUTF8 = "Kubernetes replaces invalid bytes: use UTF-8."
)

// Validate returns all errors in the options as OptionErrors, or nil. Build checks
// what depends on the cluster, such as the size of a live claim.
func (o Options) Validate() error {
	var errs OptionErrors
	for _, check := range []func(*OptionErrors){
		o.checkNames, o.checkReplicas, o.checkImage, o.checkStorage, o.checkLocalVolume, o.checkRegistries, o.checkRegistryCAs, o.checkDaemon, o.checkAddressPools, o.checkEnv,
		o.checkDockerdArgs, o.checkResources, o.checkPlacement, o.checkAffinity, o.checkCacheLimit, o.checkHighWater, o.checkPrune, o.checkDrain, o.checkNetworkPolicy, o.checkPublishPorts, o.checkMetrics, o.checkTLSSecrets,
	} {
		check(&errs)
	}
	return errs.err()
}

func (o Options) checkNames(errs *OptionErrors) {
	*errs = append(*errs, CheckNamespace("--namespace", o.Namespace)...)
	switch {
	case len(validation.IsDNS1035Label(o.Name)) > 0:
		errs.add("--name", o.Name, "is not a valid Service name",
			"Use lowercase letters, digits and dashes, starting with a letter, for example "+DefaultName+".")
	case len(o.Name) > maxNameLength:
		errs.add("--name", o.Name, fmt.Sprintf("is longer than %d characters", maxNameLength),
			"Choose a shorter name: the CronJob's name "+CronJobName("NAME")+" is limited to 52 characters.")
	}
	checkSecretNames(errs, "--image-pull-secret", o.ImagePullSecrets)
	checkSecretNames(errs, "--env-from-secret", o.EnvFromSecrets)
}

// CheckNamespace returns an error if the namespace's name is not valid.
func CheckNamespace(option, namespace string) (errs OptionErrors) {
	if len(validation.IsDNS1123Label(namespace)) > 0 {
		errs.add(option, namespace, "is not a valid namespace name", "Use at most 63 lowercase letters, digits and dashes.")
	}
	return errs
}

func checkObjectName(errs *OptionErrors, option, name, kind string) {
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		errs.add(option, name, "is not a valid "+kind+" name", "Use lowercase letters, digits, dashes and dots.")
	}
}

// checkSecretNames hides values that do not look like a name: they may be the secret.
func checkSecretNames(errs *OptionErrors, option string, names []string) {
	for _, name := range names {
		if strings.ContainsAny(name, ":=@/ ") {
			name = redact.Hidden
		}
		checkObjectName(errs, option, name, "Secret")
	}
}

// checkTLSSecrets checks the Secrets that somebody else issues.
func (o Options) checkTLSSecrets(errs *OptionErrors) {
	own := SecretsOf(o.Name, Options{})
	for _, one := range []struct{ option, name, needs, other string }{
		{"--tls-secret", o.TLSSecret, "--tls-client-secret", o.TLSClientSecret},
		{"--tls-client-secret", o.TLSClientSecret, "--tls-secret", o.TLSSecret},
	} {
		if one.name == "" {
			continue
		}
		checkSecretNames(errs, one.option, []string{one.name})
		switch {
		case !o.TLS:
			errs.add(one.option, one.name, "has no effect without --tls", "Add --tls.")
		case one.other == "":
			errs.add(one.option, one.name, "needs "+one.needs, "The daemon has one certificate, and its clients another one: set both.")
		case one.name == own.Server.Name || one.name == own.Client.Name:
			errs.add(one.option, one.name, "is the name of a Secret that dindctl issues", "Give the Secret another name.")
		}
	}
	if o.TLSSecret != "" && o.TLSSecret == o.TLSClientSecret {
		errs.add("--tls-client-secret", o.TLSClientSecret, "is the daemon's Secret", "Jobs must not have the daemon's key: issue a second certificate.")
	}
}

func (o Options) checkNetworkPolicy(errs *OptionErrors) {
	const option = "--allow-namespace"
	for _, namespace := range o.AllowNamespaces {
		*errs = append(*errs, CheckNamespace(option, namespace)...)
	}
	if o.NoNetworkPolicy && len(o.AllowNamespaces) > 0 {
		errs.add(option, strings.Join(o.AllowNamespaces, ","), "has no effect with --no-network-policy",
			"Without a NetworkPolicy every pod in the cluster can connect to the daemon. "+omitOne)
	}
}
