package lifecycle

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/rollout"
)

// checkCopies checks that the namespaces that get a copy of the client's Secret
// exist and admit one. Permissions are a check by themselves.
func checkCopies(ctx context.Context, in checkInput) []CheckResult {
	var results []CheckResult
	for _, namespace := range dind.CopyNamespaces(in.options) {
		if in.found.clientCopy(namespace) != nil {
			continue
		}
		name := dind.ClientSecretName(in.Name)
		err := in.Cluster.DryRunSecret(ctx, namespace, name)
		switch {
		case err == nil || apierrors.IsForbidden(err):
			if rollout.AdmissionDenied(fmt.Sprint(err)) {
				results = append(results, failed("", "namespace %s refuses the copy of secret/%s: %s", namespace, name, err)...)
			}
		case kube.NamespaceMissing(err):
			results = append(results, failed("`kubectl create namespace "+namespace+"` creates it; or leave out --allow-namespace "+namespace+".",
				"namespace %s does not exist, and its jobs need a copy of secret/%s there", namespace, name)...)
		default:
			results = append(results, unknown(err)...)
		}
	}
	return results
}

// checkSecrets checks the Secrets that the pod refers to: a container does not start
// without its variables. dindctl does not require the permission to read Secrets,
// which is worth far more than this check; users who have it get the answer.
func checkSecrets(ctx context.Context, in checkInput) []CheckResult {
	var results []CheckResult
	for _, name := range in.options.EnvFromSecrets {
		results = append(results, in.checkSecret(ctx, "--env-from-secret", name)...)
	}
	for _, name := range in.options.ImagePullSecrets {
		results = append(results, in.checkSecret(ctx, "--image-pull-secret", name)...)
	}
	if in.options.TLSSecret != "" {
		secrets := dind.SecretsOf(in.Name, in.options)
		results = append(results, in.checkGiven(ctx, "--tls-secret", secrets.Server)...)
		results = append(results, in.checkGiven(ctx, "--tls-client-secret", secrets.Client)...)
	}
	return results
}

// secretKeys returns the keys of a Secret; unread is the result if it cannot be read.
func (in checkInput) secretKeys(ctx context.Context, name string) (keys []string, exists bool, unread []CheckResult) {
	keys, exists, err := in.Cluster.SecretKeys(ctx, name)
	switch {
	case apierrors.IsForbidden(err):
		unread = []CheckResult{{Outcome: OutcomeUnknown, Reason: fmt.Sprintf("unknown whether %s exists: this user may not read Secrets", name)}}
	case err != nil:
		unread = unknown(err)
	}
	return keys, exists, unread
}

// checkGiven checks a Secret with a certificate that somebody else issues.
func (in checkInput) checkGiven(ctx context.Context, option string, secret dind.CertificateSecret) []CheckResult {
	keys, exists, unread := in.secretKeys(ctx, secret.Name)
	switch {
	case unread != nil:
		return unread
	case !exists:
		return failed(fmt.Sprintf("Issue it: cert-manager creates it for a Certificate with secretName %s; `kubectl get certificate -n %s` shows whether it is ready.", secret.Name, in.Cluster.Namespace),
			"Secret %s (%s) does not exist: the pod would not start", secret.Name, option)
	}
	for _, k := range secret.Keys() {
		if !slices.Contains(keys, k.Key) {
			return failed("The Secret needs tls.crt, tls.key and ca.crt: use an issuer that sets all three, such as cert-manager's CA issuer.",
				"Secret %s (%s) has no key %s: the pod would not start", secret.Name, option, k.Key)
		}
	}
	return ok("%s has a certificate", secret.Name)
}

func (in checkInput) checkSecret(ctx context.Context, option, name string) []CheckResult {
	keys, exists, unread := in.secretKeys(ctx, name)
	switch {
	case unread != nil:
		return unread
	case !exists && option == "--image-pull-secret":
		// The kubelet continues without it, which is enough for a public image.
		return warning(fmt.Sprintf("kubectl create secret docker-registry %s -n %s …", name, in.Cluster.Namespace), "Secret %s (%s) does not exist", name, option)
	case !exists:
		return failed(fmt.Sprintf("kubectl create secret generic %s -n %s --from-literal=KEY=VALUE", name, in.Cluster.Namespace),
			"Secret %s (%s) does not exist: the daemon would not start", name, option)
	case option == "--image-pull-secret":
		return ok("%s exists", name)
	}
	for _, key := range keys {
		if reason := dind.ReservedEnv(key); reason != "" && key != "DOCKER_TLS_CERTDIR" { // which dindctl sets itself
			return failed("Take it out of the Secret.", "Secret %s has a key %s, which %s", name, key, reason)
		}
	}
	return ok("%s exists and has %d keys", name, len(keys))
}
