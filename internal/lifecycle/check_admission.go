package lifecycle

import (
	"context"
	"errors"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/rollout"
)

// checkAdmission previews, by a dry run, the pod that the Deployment will create: a
// refusal would otherwise show only in the events of a ReplicaSet.
func checkAdmission(ctx context.Context, in checkInput) []CheckResult {
	if in.objects == nil {
		return nil
	}
	pod, err := in.objects.Pod()
	if err != nil {
		return unknown(err)
	}
	admitted, err := in.Cluster.DryRunPod(ctx, pod.Pod)
	if results, is := namespaceResult(err, in); is {
		return results
	}
	switch {
	case err == nil:
		return describeAdmitted(pod, admitted, "a privileged pod is admitted, if this user creates it")
	case strings.Contains(err.Error(), "error looking up service account") && in.options.ServiceAccount == "":
		return unknown(errors.New("the namespace is too new, it has no service account yet"))
	}
	refusal := rollout.RefusalOf(in.Cluster.Namespace, err.Error())
	if refusal.Reason == rollout.QuotaExceeded && in.found.deployment() != nil {
		return warning(refusal.Hint, "the quota leaves no room beside the running pod, which is stopped first: %s", err)
	}
	return failed(refusal.Hint, "the cluster refuses the pod: %s", err)
}

// namespaceResult returns the result of a dry run that did not reach admission, if err is
// of that kind.
func namespaceResult(err error, in checkInput) ([]CheckResult, bool) {
	var status apierrors.APIStatus
	switch {
	case err == nil:
		return nil, false
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return failed("Run the same command again once it is deleted, or name another namespace with -n.", "namespace %s is being deleted", in.Cluster.Namespace), true
	case kube.NamespaceMissing(err) && in.how.CreateNamespace:
		return []CheckResult{{Outcome: OutcomeUnknown, Reason: "unknown until the namespace exists"}}, true
	case kube.NamespaceMissing(err):
		return failed("Create it with --create-namespace, or name another with -n.", "namespace %s does not exist", in.Cluster.Namespace), true
	case !errors.As(err, &status):
		return unknown(err), true
	case apierrors.IsForbidden(err) && strings.Contains(err.Error(), `cannot create resource "pods"`):
		return unknown(errors.New("this user may not create pods, not even as a dry run (the Deployment's controller may)")), true
	}
	return nil, false
}

// checkPruneAdmission previews the pod of the weekly prune: nobody looks when the cluster
// refuses it.
func checkPruneAdmission(ctx context.Context, in checkInput) []CheckResult {
	if in.objects == nil {
		return nil
	}
	pod, err := in.objects.PrunePod()
	if err != nil {
		return unknown(err)
	}
	return in.checkJobPod(ctx, pod, "without prunes the disk fills up")
}

// checkVerifyAdmission previews the pod of verify.
func checkVerifyAdmission(ctx context.Context, in checkInput) []CheckResult {
	if in.objects == nil {
		return nil
	}
	pod, err := in.objects.VerifyPod()
	if err != nil {
		return unknown(err)
	}
	return in.checkJobPod(ctx, pod, "`dindctl verify` cannot run")
}

// checkJobPod previews the pod of a Job. Where the question does not reach admission, the
// check of the daemon's pod says so.
func (in checkInput) checkJobPod(ctx context.Context, pod dind.TrialPod, without string) []CheckResult {
	if pod.Pod == nil {
		return nil
	}
	admitted, err := in.Cluster.DryRunPod(ctx, pod.Pod)
	_, elsewhere := namespaceResult(err, in)
	switch {
	case err == nil:
		return describeAdmitted(pod, admitted, "the Job's pod is admitted, if this user creates it")
	case errors.Is(err, context.DeadlineExceeded):
		return unknown(err)
	case elsewhere, strings.Contains(err.Error(), "error looking up service account"):
		return nil
	}
	return warning(rollout.RefusalOf(in.Cluster.Namespace, err.Error()).Hint, "the cluster refuses the Job's pod, and %s: %s", without, err)
}
