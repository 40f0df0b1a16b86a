package lifecycle

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dindctl/dindctl/internal/dind"
)

// checkSecrets looks for the Secrets that the pod refers to: a container does
// not start without its variables. The right to read Secrets is not asked for,
// as it is worth far more than this check; whoever has it gets the answer.
func checkSecrets(ctx context.Context, in checkInput) []CheckResult {
	var results []CheckResult
	for _, name := range in.options.EnvFromSecrets {
		results = append(results, in.checkSecret(ctx, "--env-from-secret", name)...)
	}
	for _, name := range in.options.ImagePullSecrets {
		results = append(results, in.checkSecret(ctx, "--image-pull-secret", name)...)
	}
	return results
}

func (in checkInput) checkSecret(ctx context.Context, option, name string) []CheckResult {
	keys, exists, err := in.Cluster.SecretKeys(ctx, name)
	switch {
	case apierrors.IsForbidden(err):
		return []CheckResult{{Verdict: VerdictUnknown, Reason: fmt.Sprintf("could not tell whether %s is there: this user may not read secrets", name)}}
	case err != nil:
		return unknown(err)
	case !exists && option == "--image-pull-secret":
		// The kubelet goes on without it, which is enough for a public image.
		return warning(fmt.Sprintf("kubectl create secret docker-registry %s -n %s …", name, in.Cluster.Namespace), "there is no Secret %s, which %s names", name, option)
	case !exists:
		return failed(fmt.Sprintf("kubectl create secret generic %s -n %s --from-literal=KEY=VALUE", name, in.Cluster.Namespace),
			"there is no Secret %s, which %s names: the daemon would not start", name, option)
	case option == "--image-pull-secret":
		return ok("%s is there", name)
	}
	for _, key := range keys {
		if reason := dind.ReservedEnv(key); reason != "" && key != "DOCKER_TLS_CERTDIR" { // which dindctl sets itself
			return failed("Take it out of the Secret.", "Secret %s has a key %s, which %s", name, key, reason)
		}
	}
	return ok("%s is there, with %d keys", name, len(keys))
}
