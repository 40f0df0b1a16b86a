package lifecycle

import (
	"context"
	"errors"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/dindctl/dindctl/internal/apply"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/rollout"
)

// oldestKubernetes is the oldest version that `make matrix` runs on. What the objects
// use is there since 1.27: time zones for CronJobs, the details of unhealthy pods.
const oldestKubernetes = "1.30.0"

func checkVersion(ctx context.Context, in checkInput) []CheckResult {
	info, err := in.Cluster.Version(ctx)
	if err != nil {
		return unknown(err)
	}
	running, err := version.ParseGeneric(info.GitVersion)
	if err != nil {
		return unknown(err)
	}
	if running.LessThan(version.MustParseGeneric(oldestKubernetes)) {
		return warning("Upgrade the cluster, or expect an object to be refused.",
			"Kubernetes %s is older than %s, the oldest version dindctl supports", info.GitVersion, oldestKubernetes)
	}
	return ok("Kubernetes %s", info.GitVersion)
}

func checkPermissions(ctx context.Context, in checkInput) []CheckResult {
	needed, optional := permissions(in.options, in.how)
	missing, err := in.Cluster.Missing(ctx, needed)
	if err != nil {
		return unknown(err)
	}
	if len(missing) == 0 {
		return ok("all %d that dindctl uses are granted", len(needed))
	}
	var results []CheckResult
	for _, p := range missing {
		where := "in namespace " + in.Cluster.Namespace
		switch {
		case p.ClusterScoped:
			where = "in the cluster"
		case p.Namespace != "":
			where = "in namespace " + p.Namespace
		}
		if purpose := optional[p]; purpose != "" {
			results = append(results, warning("", "missing permission %s %s (needed for %s)", p, where, purpose)...)
			continue
		}
		results = append(results, failed("`dindctl check --print-role` prints the Role to ask an administrator for.", "missing permission %s %s", p, where)...)
	}
	return results
}

func checkNames(_ context.Context, in checkInput) []CheckResult {
	if in.objects == nil {
		return nil
	}
	_, err := apply.NewPlan(in.Cluster, in.objects, in.found.objects, in.how.Adopt)
	var notOwned *apply.NotOwnedError
	if errors.As(err, &notOwned) {
		if len(notOwned.Others) > 0 {
			return failed("Install under another name with --name.", "in use by another installation: %s", kube.JoinRefs(notOwned.Others))
		}
		return failed("Install under another name with --name, or adopt them with --adopt.",
			"in use by objects that dindctl did not create: %s", kube.JoinRefs(notOwned.Refs))
	}
	if in.found.exists() {
		return ok("in use by this installation, which would be updated")
	}
	return ok("available")
}

func checkClaim(_ context.Context, in checkInput) []CheckResult {
	claim := in.found.claim()
	terminating := rollout.ClaimTerminating(claim)
	switch {
	case claim == nil && in.options.ExistingClaim != "":
		return failed("`kubectl get pvc` lists the claims.", "--existing-claim %s does not exist", in.options.ExistingClaim)
	case claim == nil:
		return ok("will be created")
	case terminating != nil:
		return failed(terminating.Hint, "%s", terminating.Message)
	case claim.Status.Phase == corev1.ClaimLost && in.options.ExistingClaim != "":
		return failed("Use another claim.", "%s has lost its volume %s", claim.Name, claim.Spec.VolumeName)
	case claim.Status.Phase == corev1.ClaimLost:
		return failed("`dindctl uninstall --delete-data` removes the claim; the next install creates a new one.",
			"%s has lost its volume %s", claim.Name, claim.Spec.VolumeName)
	}
	for _, mode := range claim.Spec.AccessModes {
		if mode == corev1.ReadWriteMany {
			return warning("A block volume (ReadWriteOnce) is what a Docker daemon needs.",
				"%s is ReadWriteMany, which is usually a network file system: overlay2 does not work on one", claim.Name)
		}
	}
	return ok("%s is %s and is reused", claim.Name, strings.ToLower(string(claim.Status.Phase)))
}

func checkNetworkPolicy(_ context.Context, in checkInput) []CheckResult {
	if in.options.NoNetworkPolicy {
		return warning("Without it, every pod in the cluster that can reach the port is root on the node.", "disabled")
	}
	return []CheckResult{{
		Outcome: OutcomeUnknown,
		Reason:  "unknown: the API does not show whether the network plugin enforces policies; `dindctl verify --from NAMESPACE` does",
	}}
}
