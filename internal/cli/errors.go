package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
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

// The exit codes, as documented in the README.
const (
	exitDone         = 0
	exitFailed       = 1
	exitUsage        = 2
	exitNotReady     = 3
	exitNotInstalled = 4
	exitInterrupted  = 130
)

// exitCodes are what they mean, in the words of the help.
var exitCodes = []Term{
	{strconv.Itoa(exitDone), "success"}, {strconv.Itoa(exitFailed), "failure"}, {strconv.Itoa(exitUsage), "usage error"},
	{strconv.Itoa(exitNotReady), "not ready"}, {strconv.Itoa(exitNotInstalled), "not installed"}, {strconv.Itoa(exitInterrupted), "interrupted"},
}

var (
	// errAborted is returned when the user does not confirm.
	errAborted = errors.New("aborted; nothing was changed")
	// errUnhealthy is returned when the printed result already shows what is wrong.
	errUnhealthy = errors.New("unhealthy")
	// errWatchEnded is returned when an interrupt ends a watch, as is usual.
	errWatchEnded = errors.New("interrupted")
)

// describe returns the message, the hint and the exit code of an error. No
// other code does. More specific types come first.
func describe(err error, how endedError) failure {
	var (
		usage         *usageError
		problems      dind.OptionErrors
		incompatible  *dind.IncompatibleError
		notInstalled  *lifecycle.NotInstalledError
		noSchedule    *lifecycle.NoScheduleError
		optionsUnread *lifecycle.OptionsUnknownError
		checkFailed   *lifecycle.CheckFailedError
		claimMissing  *lifecycle.ClaimMissingError
		claim         *lifecycle.ClaimError
		notOwned      *apply.NotOwnedError
		terminating   *apply.TerminatingError
		notReady      *rollout.NotReadyError
		jobFailed     *rollout.JobFailedError
		verifyFailed  *lifecycle.VerifyError
		configuration *kube.ConfigurationError
		unreachable   *lifecycle.DaemonError
		busy          *lifecycle.BusyError
	)
	f := failure{Code: exitFailed, Reason: "Failed", Message: err.Error()}
	switch {
	case errors.As(err, &usage):
		f.Code, f.Reason = exitUsage, "Usage"
		f.setProblems(usage.problems)
		f.Message = invalidCommandLine
		f.Hint = fmt.Sprintf("`%s --help` lists the options", usage.command)
	case errors.As(err, &incompatible):
		f.Reason, f.Message = "Incompatible", "the options conflict with the existing installation; nothing was changed"
		f.setProblems(incompatible.OptionErrors)
	case errors.As(err, &problems):
		f.Code, f.Reason, f.Message = exitUsage, "Usage", invalidCommandLine
		f.setProblems(problems)
	case errors.Is(how.ended, context.Canceled):
		f.Code, f.Reason, f.Message = exitInterrupted, "Interrupted", "interrupted"
		f.Hint = "run the same command again to continue"
	case errors.As(err, &notInstalled):
		f.Code, f.Reason = exitNotInstalled, "NotInstalled"
		f.Hint = "run `dindctl install`, or select another installation with -n and --name"
		if notInstalled.Claim != "" {
			f.Message += fmt.Sprintf(" (its cache volume, claim %s, still exists)", notInstalled.Claim)
			f.Hint = "`dindctl install` reuses the volume; `dindctl uninstall --delete-data` deletes it"
		}
	case errors.Is(err, errNoDocker):
		f.Reason, f.Hint = "NoDocker", "install the Docker client (docker-cli), or add its directory to PATH"
	case errors.As(err, &noSchedule):
		f.Reason, f.Hint = "NoSchedule", "`dindctl install --prune-schedule '0 0 * * 0'` adds one"
	case errors.As(err, &optionsUnread):
		f.Reason = "OptionsUnknown"
		f.Hint = "run `dindctl install` once with all options that it has, without --reuse-options: later runs remember them"
	case errors.As(err, &checkFailed):
		f.Code, f.Reason, f.Message = exitNotReady, "CheckFailed", "the preflight checks failed; nothing was changed"
		for _, result := range checkFailed.Failed {
			f.Problems = append(f.Problems, failureProblem{Option: result.Name, Message: result.Name + ": " + result.Reason, Hint: result.Hint})
		}
		f.Hint = "`dindctl check` shows all checks; --skip-preflight skips them"
	case errors.As(err, &claimMissing):
		f.Reason, f.Hint = "ClaimMissing", "`kubectl get pvc` lists the claims that --existing-claim can use"
	case errors.As(err, &claim):
		f.Code, f.Reason, f.Hint = exitNotReady, claim.Reason, claim.Hint
	case errors.As(err, &notOwned) && len(notOwned.Others) > 0:
		f.Reason, f.Message = "NotOwned", "the names are in use; nothing was changed: "+err.Error()
		f.Hint = "--name installs under another name"
	case errors.As(err, &notOwned):
		f.Reason = "NotOwned"
		f.Message = "these objects exist and were not created by dindctl; nothing was changed: " + kube.JoinRefs(notOwned.Refs)
		f.Hint = "--adopt adopts them in place, and the claim keeps its data; --name installs under another name"
		f.Objects = adoptionChanges(notOwned)
	case errors.As(err, &terminating):
		f.Code, f.Reason = exitNotReady, "Terminating"
		f.Hint = "run the same command again once it is gone"
	case errors.As(err, &verifyFailed):
		f.Code, f.Log = exitNotReady, verifyFailed.Log()
		f.Reason, f.Hint = verifyFailed.Advice()
	case errors.As(err, &notReady):
		f.Code, f.Reason = exitNotReady, "NotReady"
		if notReady.Cause != nil {
			f.Reason, f.Hint, f.Log = notReady.Cause.Reason, notReady.Cause.Hint, notReady.Cause.Log
		} else {
			f.Hint = "follow with `dindctl status --watch`, or increase --timeout"
		}
	case errors.As(err, &busy):
		f.Code, f.Reason, f.Message = exitNotReady, "Busy", err.Error()+"; nothing was changed"
		f.Hint = "increase --timeout to wait longer; without --when-idle dindctl does not wait, and running builds may fail"
		if removal := busy.Removal(); removal != "" {
			f.Hint += "; if no job needs the containers any more, remove them: `" + removal + "`"
		}
	case errors.As(err, &jobFailed):
		f.Reason, f.Log = jobFailed.Reason, jobFailed.Log
		f.Hint = "`dindctl prune-now -v` shows the full log"
	case apierrors.IsForbidden(err):
		f.describeRequest(err)
	case errors.As(err, &unreachable):
		f.Code = exitNotReady
		f.Reason, f.Hint = unreachable.Advice()
	case errors.Is(err, terminal.ErrCannotAsk):
		f.Code, f.Reason = exitUsage, "ConfirmationNeeded"
	case errors.As(err, &configuration):
		f.Reason = "NoConfiguration"
		f.Hint = "select a kubeconfig with --kubeconfig or $KUBECONFIG, and one of its contexts with --context"
	default:
		f.describeRequest(err)
	}
	if f.Code == exitFailed && (errors.Is(err, context.DeadlineExceeded) || errors.Is(how.ended, context.DeadlineExceeded)) {
		f.Code, f.Reason = exitNotReady, "Timeout"
		f.Message = fmt.Sprintf("%v (%v)", err, how.cause)
		f.Hint = "increase --timeout to wait longer"
	}
	return f
}

// describeRequest describes an error of the API server or of the connection to
// it.
func (f *failure) describeRequest(err error) {
	var refused *kube.ApplyError
	switch {
	case kube.NamespaceMissing(err) && errors.As(err, &refused) && refused.Ref.Kind == "Secret":
		// In the installation's own namespace, other objects fail before a Secret.
		f.Reason, f.Hint = "NamespaceMissing", fmt.Sprintf("create it with `kubectl create namespace %s`, or leave out --allow-namespace %[1]s", refused.Ref.Namespace)
	case kube.NamespaceMissing(err):
		f.Reason, f.Hint = "NamespaceMissing", "create it with --create-namespace, or select another with -n"
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		f.Code, f.Reason, f.Hint = exitNotReady, "NamespaceTerminating", "the namespace is being deleted: run the same command again once it is gone, or select another with -n"
	case apierrors.IsUnauthorized(err):
		f.Reason, f.Hint = "Unauthorized", "the credentials of this context are invalid or expired: log in again"
	case rollout.AdmissionDenied(err.Error()), apierrors.IsForbidden(err) && !strings.Contains(err.Error(), " cannot "):
		// RBAC says that a user cannot do something; admission says anything else.
		refusal := rollout.RefusalOf("NAMESPACE", err.Error())
		f.Reason, f.Hint = refusal.Reason, refusal.Hint
	case apierrors.IsForbidden(err):
		f.Reason, f.Hint = "Forbidden", "ask an administrator for the permission that the message names"
	case apierrors.IsInvalid(err):
		f.Reason, f.Hint = "Invalid", "the message names the field: correct the option that sets it"
	case apierrors.IsConflict(err):
		f.Reason, f.Hint = "Conflict", "another client changed the object at the same time: run the same command again"
	case untrusted(err):
		f.Reason, f.Hint = "UntrustedServer", "the kubeconfig's certificate-authority does not match this server: is it the right context, and is it up to date?"
	case kube.Unserved(err):
		f.Reason, f.Hint = "ServerUnavailable", "the API server, or a proxy in front of it, is unavailable: run the same command again"
	case kube.Unreachable(err):
		f.Reason, f.Hint = "Unreachable", "is the cluster's address correct, and does `kubectl version` reach it?"
	}
}

// untrusted reports whether the server's certificate could not be verified.
func untrusted(err error) bool {
	var verification *tls.CertificateVerificationError
	return errors.As(err, &verification)
}
