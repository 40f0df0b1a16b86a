package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dindctl/dindctl/internal/apply"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/rollout"
	"github.com/dindctl/dindctl/internal/terminal"
)

// The exit codes, as the help and the README promise them.
const (
	exitDone         = 0
	exitFailed       = 1
	exitUsage        = 2
	exitNotReady     = 3
	exitNotInstalled = 4
	exitInterrupted  = 130
)

var (
	// errNotConfirmed ends a command that was asked about and not wanted.
	errNotConfirmed = errors.New("not confirmed: nothing was changed")
	// errUnhealthy ends a command whose result, already printed, says it all.
	errUnhealthy = errors.New("unhealthy")
	// errWatchEnded ends a watch the usual way, by an interrupt.
	errWatchEnded = errors.New("interrupted")
)

// describe turns an error into words and an exit code: the one place that
// does. More telling types come first.
func describe(err error, how endedError) failure {
	var (
		usage         *usageError
		problems      dind.OptionErrors
		incompatible  *dind.IncompatibleError
		notInstalled  *lifecycle.NotInstalledError
		noSchedule    *lifecycle.NoScheduleError
		checkFailed   *lifecycle.CheckFailedError
		claimMissing  *lifecycle.ClaimMissingError
		notOwned      *apply.NotOwnedError
		terminating   *apply.TerminatingError
		notReady      *rollout.NotReadyError
		jobFailed     *rollout.JobFailedError
		notProved     *lifecycle.VerifyError
		configuration *kube.ConfigurationError
		unreachable   *lifecycle.DaemonError
		busy          *lifecycle.BusyError
	)
	f := failure{Code: exitFailed, Reason: "Failed", Message: err.Error()}
	switch {
	case errors.As(err, &usage):
		f.Code, f.Reason = exitUsage, "Usage"
		f.setProblems(usage.problems)
		f.Message = wrongCommandLine
		f.Hint = fmt.Sprintf("`%s --help` lists the options", usage.command)
	case errors.As(err, &incompatible):
		f.Reason, f.Message = "Incompatible", "what is asked for does not fit what is there; nothing was changed"
		f.setProblems(incompatible.OptionErrors)
	case errors.As(err, &problems):
		f.Code, f.Reason, f.Message = exitUsage, "Usage", wrongCommandLine
		f.setProblems(problems)
	case errors.Is(how.ended, context.Canceled):
		f.Code, f.Reason, f.Message = exitInterrupted, "Interrupted", "interrupted"
		f.Hint = "the same command continues from here"
	case errors.As(err, &notInstalled):
		f.Code, f.Reason = exitNotInstalled, "NotInstalled"
		f.Hint = "`dindctl install` installs it; -n and --name say where and which"
		if notInstalled.Claim != "" {
			f.Message += fmt.Sprintf(" (its cache volume, claim %s, is still there)", notInstalled.Claim)
			f.Hint = "`dindctl install` takes the volume into use again; `dindctl uninstall --delete-data` removes it"
		}
	case errors.As(err, &noSchedule):
		f.Reason, f.Hint = "NoSchedule", "`dindctl install --prune-schedule '0 0 * * 0'` adds one"
	case errors.As(err, &checkFailed):
		f.Code, f.Reason, f.Message = exitNotReady, "CheckFailed", "the preflight checks failed; nothing was changed"
		for _, result := range checkFailed.Failed {
			f.Problems = append(f.Problems, failureProblem{Option: result.Name, Message: result.Name + ": " + result.Reason, Hint: result.Hint})
		}
		f.Hint = "`dindctl check` shows all checks; --skip-preflight goes on without them"
	case errors.As(err, &claimMissing):
		f.Reason, f.Hint = "ClaimMissing", "`kubectl get pvc` lists the claims; --existing-claim takes one of them"
	case errors.As(err, &notOwned):
		f.Reason = "NotOwned"
		f.Message = "these objects exist and were not made by dindctl; nothing was changed: " + refs(notOwned.Refs)
		f.Hint = "--adopt takes them over in place, and the claim keeps its data; --name installs under another name"
		f.Objects = previews(notOwned)
	case errors.As(err, &terminating):
		f.Code, f.Reason = exitNotReady, "Terminating"
		f.Hint = "run the same command again when it is gone"
		if slices.Contains(terminating.Finalizers, "kubernetes.io/pvc-protection") {
			f.Hint = fmt.Sprintf("a pod still mounts it: `kubectl describe pvc %s -n %s` names it (Used By); the claim goes with that pod, then run the same command again",
				terminating.Ref.Name, terminating.Ref.Namespace)
		}
	case errors.As(err, &notProved):
		f.Code, f.Log = exitNotReady, notProved.Log()
		f.Reason, f.Hint = notProved.Advice()
	case errors.As(err, &notReady):
		f.Code, f.Reason = exitNotReady, "NotReady"
		if notReady.Cause != nil {
			f.Reason, f.Hint, f.Log = notReady.Cause.Reason, notReady.Cause.Hint, notReady.Cause.Log
		} else {
			f.Hint = "`dindctl status` shows how it goes on; a longer --timeout waits longer"
		}
	case errors.As(err, &busy):
		f.Code, f.Reason, f.Message = exitNotReady, "Busy", err.Error()+"; nothing was changed"
		f.Hint = "a longer --timeout waits longer; without --when-idle it is not waited for, and what runs is broken"
	case errors.As(err, &jobFailed):
		f.Reason, f.Log = jobFailed.Reason, jobFailed.Log
		f.Hint = "`dindctl prune-now -v` shows the whole log"
	case apierrors.IsForbidden(err):
		f.describeRequest(err)
	case errors.As(err, &unreachable):
		f.Code = exitNotReady
		f.Reason, f.Hint = unreachable.Advice()
	case errors.Is(err, terminal.ErrCannotAsk):
		f.Code, f.Reason = exitUsage, "ConfirmationNeeded"
	case errors.As(err, &configuration):
		f.Reason = "NoConfiguration"
		f.Hint = "name a kubeconfig with --kubeconfig or $KUBECONFIG, and a context of it with --context"
	default:
		f.describeRequest(err)
	}
	if f.Code == exitFailed && (errors.Is(err, context.DeadlineExceeded) || errors.Is(how.ended, context.DeadlineExceeded)) {
		f.Code, f.Reason = exitNotReady, "Timeout"
		f.Message = fmt.Sprintf("%v (%v)", err, how.cause)
		f.Hint = "a longer --timeout waits longer"
	}
	return f
}

// describeRequest describes what the API server, or the way to it, said.
func (f *failure) describeRequest(err error) {
	var refused *kube.ApplyError
	switch {
	case kube.NamespaceMissing(err) && errors.As(err, &refused) && refused.Ref.Kind == "Secret":
		// Of the installation's own namespace, other objects are told first.
		f.Reason, f.Hint = "NamespaceMissing", fmt.Sprintf("`kubectl create namespace %s` makes it; or leave --allow-namespace %[1]s out", refused.Ref.Namespace)
	case kube.NamespaceMissing(err):
		f.Reason, f.Hint = "NamespaceMissing", "make it with --create-namespace, or name another with -n"
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		f.Code, f.Reason, f.Hint = exitNotReady, "NamespaceTerminating", "the namespace is being deleted: run the same command again when it is gone, or name another with -n"
	case apierrors.IsUnauthorized(err):
		f.Reason, f.Hint = "Unauthorized", "the credentials of this context are not valid (any more): log in again"
	case rollout.AdmissionDenied(err.Error()), apierrors.IsForbidden(err) && !strings.Contains(err.Error(), " cannot "):
		// RBAC says that a user cannot; every other refusal is admission's.
		f.Reason, f.Hint = rollout.Refusal("", err.Error())
	case apierrors.IsForbidden(err):
		f.Reason, f.Hint = "Forbidden", "ask an administrator of the cluster for the permission that the message names"
	case apierrors.IsInvalid(err):
		f.Reason, f.Hint = "Invalid", "the message names the field: correct the option that it comes from"
	case apierrors.IsConflict(err):
		f.Reason, f.Hint = "Conflict", "somebody else changed the object at the same moment: run the same command again"
	case untrusted(err):
		f.Reason, f.Hint = "UntrustedServer", "the kubeconfig's certificate-authority does not fit this server: is the context the right one, and is it up to date?"
	case kube.Unserved(err):
		f.Reason, f.Hint = "ServerUnavailable", "the API server, or what is in front of it, cannot serve this now: run the same command again"
	case kube.Unreachable(err):
		f.Reason, f.Hint = "Unreachable", "is the address of the cluster right, and does `kubectl version` reach it?"
	}
}

// untrusted tells whether the server's certificate could not be verified.
func untrusted(err error) bool {
	var verification *tls.CertificateVerificationError
	return errors.As(err, &verification)
}
