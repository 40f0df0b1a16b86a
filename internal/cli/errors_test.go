package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/dindctl/dindctl/internal/apply"
	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/rollout"
	"github.com/dindctl/dindctl/internal/terminal"
)

func TestDescribe(t *testing.T) {
	services := schema.GroupResource{Resource: "services"}
	ref := kube.Ref{Kind: "Service", Namespace: "ci", Name: "d"}
	applying := func(err error) error { return &kube.ApplyError{Ref: ref, Err: err} }
	ending := apierrors.NewForbidden(services, "d", errors.New("unable to create new content in namespace ci because it is being terminated"))
	ending.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	notReady := &rollout.NotReadyError{Ref: ref, Now: "waiting", After: 5 * time.Minute}
	crashed := &rollout.NotReadyError{Ref: ref, After: time.Second, Cause: &rollout.Cause{
		Reason: "CrashLoopBackOff", Message: "The daemon ended.", Hint: "Look.", Log: "fatal: no\nbye",
	}}
	deadline := endedError{ended: context.DeadlineExceeded, cause: timeoutError(5 * time.Minute)}
	tests := []struct {
		name string
		err  error
		how  endedError
		want failure
	}{
		{"invalid command line", &usageError{problems: dind.OptionErrors{{Option: "--mtu", Value: "x", Reason: "is not a number", Hint: "Give one."}}, command: "dindctl install"}, endedError{},
			failure{Code: 2, Reason: "Usage", Message: "invalid command line", Hint: "`dindctl install --help` lists the options",
				Problems: []failureProblem{{Option: "--mtu", Value: "x", Message: `--mtu "x": is not a number`, Hint: "Give one."}}}},
		{"incompatible options", &dind.IncompatibleError{OptionErrors: dind.OptionErrors{{Option: "--storage-size", Value: "1Gi", Reason: "is less"}}}, endedError{},
			failure{Code: 1, Reason: "Incompatible", Message: "the options conflict with the existing installation; nothing was changed",
				Problems: []failureProblem{{Option: "--storage-size", Value: "1Gi", Message: `--storage-size "1Gi": is less`}}}},
		{"interrupted", context.Canceled, endedError{ended: context.Canceled},
			failure{Code: 130, Reason: "Interrupted", Message: "interrupted", Hint: "run the same command again to continue"}},
		{"interrupted while something else failed", applying(errDown), endedError{ended: context.Canceled},
			failure{Code: 130, Reason: "Interrupted", Message: "interrupted", Hint: "run the same command again to continue"}},
		{"not installed", &lifecycle.NotInstalledError{Namespace: "ci", Name: "d"}, endedError{},
			failure{Code: 4, Reason: "NotInstalled", Message: "d is not installed in namespace ci",
				Hint: "run `dindctl install`, or select another installation with -n and --name"}},
		{"only the claim exists", &lifecycle.NotInstalledError{Namespace: "ci", Name: "d", Claim: "d-data"}, endedError{},
			failure{Code: 4, Reason: "NotInstalled", Message: "d is not installed in namespace ci (its cache volume, claim d-data, still exists)",
				Hint: "`dindctl install` reuses the volume; `dindctl uninstall --delete-data` deletes it"}},
		{"no schedule", &lifecycle.NoScheduleError{Namespace: "ci", Name: "d"}, endedError{},
			failure{Code: 1, Reason: "NoSchedule", Message: "d in namespace ci was installed without a scheduled prune",
				Hint: "`dindctl install --prune-schedule '0 0 * * 0'` adds one"}},
		{"failed checks", &lifecycle.CheckFailedError{Failed: []lifecycle.CheckResult{{Name: "node", Reason: "gone", Hint: "Get one."}}}, endedError{},
			failure{Code: 3, Reason: "CheckFailed", Message: "the preflight checks failed; nothing was changed",
				Hint:     "`dindctl check` shows all checks; --skip-preflight skips them",
				Problems: []failureProblem{{Option: "node", Message: "node: gone", Hint: "Get one."}}}},
		{"missing claim", &lifecycle.ClaimMissingError{Namespace: "ci", Claim: "old"}, endedError{},
			failure{Code: 1, Reason: "ClaimMissing", Message: "there is no claim old in namespace ci",
				Hint: "`kubectl get pvc` lists the claims that --existing-claim can use"}},
		{"not owned", &apply.NotOwnedError{Refs: []kube.Ref{ref, {Kind: "Deployment", Name: "d"}}}, endedError{},
			failure{Code: 1, Reason: "NotOwned", Message: "these objects exist and were not created by dindctl; nothing was changed: service/d, deployment/d",
				Hint: "--adopt adopts them in place, and the claim keeps its data; --name installs under another name"}},
		{"an object of another installation", &apply.NotOwnedError{Refs: []kube.Ref{ref}, Others: []kube.Ref{{Kind: "PersistentVolume", Name: "ci-d-data"}}}, endedError{},
			failure{Code: 1, Reason: "NotOwned", Message: "the names are in use; nothing was changed: service/d: not created by dindctl; persistentvolume/ci-d-data: of another installation",
				Hint: "--name installs under another name"}},
		{"a claim in use is terminating", &lifecycle.ClaimError{Cause: &rollout.Cause{Reason: "ClaimTerminating", Message: "Claim d-data is being deleted.", Hint: "Keep it."}}, endedError{},
			failure{Code: 3, Reason: "ClaimTerminating", Message: "Claim d-data is being deleted. Nothing was changed.", Hint: "Keep it."}},
		{"terminating", &apply.TerminatingError{Ref: ref, Finalizers: []string{"x"}}, endedError{},
			failure{Code: 3, Reason: "Terminating", Message: "service/d is being deleted (waits for x)", Hint: "run the same command again once it is gone"}},
		{"not ready", notReady, deadline,
			failure{Code: 3, Reason: "NotReady", Message: "service/d is not ready after 5m: waiting",
				Hint: "follow with `dindctl status --watch`, or increase --timeout"}},
		{"not ready with a known cause", crashed, endedError{},
			failure{Code: 3, Reason: "CrashLoopBackOff", Message: "service/d is not ready after 1s: The daemon ended.", Hint: "Look.", Log: "fatal: no\nbye"}},
		{"busy", &lifecycle.BusyError{Pod: "p", Activity: daemon.Activity{Builds: 1}, After: 5 * time.Minute}, deadline,
			failure{Code: 3, Reason: "Busy", Message: "pod/p is not idle after 5m: 1 build; nothing was changed",
				Hint: "increase --timeout to wait longer; without --when-idle dindctl does not wait, and running builds may fail"}},
		{"busy with containers", &lifecycle.BusyError{Namespace: "ci", Pod: "p", Activity: daemon.Activity{Containers: clustertest.Running(noon, "web", "db")}, After: time.Minute, Now: noon.Add(3 * time.Hour)}, deadline,
			failure{Code: 3, Reason: "Busy", Message: "pod/p is not idle after 60s: 2 containers: web (busybox:1.37, 3h), db (busybox:1.37, 3h); nothing was changed",
				Hint: "increase --timeout to wait longer; without --when-idle dindctl does not wait, and running builds may fail; " +
					"if no job needs the containers any more, remove them: `kubectl exec -n ci pod/p -c docker-dind -- docker rm -f -v web db`"}},
		{"job failed", &rollout.JobFailedError{Ref: kube.Ref{Kind: "Job", Name: "j"}, Reason: "BackoffLimitExceeded", Message: "too often", Log: "bye"}, endedError{},
			failure{Code: 1, Reason: "BackoffLimitExceeded", Message: "job/j failed: BackoffLimitExceeded: too often", Log: "bye",
				Hint: "`dindctl prune-now -v` shows the full log"}},
		{"the daemon requires TLS", &lifecycle.DaemonError{Pod: "p", Err: daemon.ErrTLSExpected}, endedError{},
			failure{Code: 3, Reason: "DaemonWantsTLS", Message: "asking the daemon in pod/p: " + daemon.ErrTLSExpected.Error(),
				Hint: "DOCKER_TLS_CERTDIR is set in the daemon's pod: `dindctl install` sets it empty."}},
		{"the daemon does not use TLS", &lifecycle.DaemonError{Pod: "p", Err: daemon.ErrPlainExpected}, endedError{},
			failure{Code: 3, Reason: "DaemonWithoutTLS", Message: "asking the daemon in pod/p: " + daemon.ErrPlainExpected.Error(),
				Hint: "Unset DOCKER_TLS_VERIFY and DOCKER_CERT_PATH in whatever connects to this daemon."}},
		{"the daemon does not respond", &lifecycle.DaemonError{Namespace: "ci", Pod: "p", Err: errDown}, endedError{},
			failure{Code: 3, Reason: "DaemonUnreachable", Message: "asking the daemon in pod/p: connection refused", Hint: "kubectl logs -n ci p"}},
		{"port-forward is forbidden", &lifecycle.DaemonError{Pod: "p", Err: apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "p",
			errors.New(`User "jane" cannot create resource "pods/portforward"`))}, endedError{},
			failure{Code: 1, Reason: "Forbidden", Message: `asking the daemon in pod/p: pods "p" is forbidden: User "jane" cannot create resource "pods/portforward"`,
				Hint: "ask an administrator for the permission that the message names"}},
		{"no terminal for the confirmation", terminal.ErrCannotAsk, endedError{},
			failure{Code: 2, Reason: "ConfirmationNeeded", Message: "not a terminal: use --yes to skip confirmation"}},
		{"not confirmed", errAborted, endedError{}, failure{Code: 1, Reason: "Failed", Message: "aborted; nothing was changed"}},
		{"no configuration", &kube.ConfigurationError{Err: kube.ErrNoConfiguration}, endedError{},
			failure{Code: 1, Reason: "NoConfiguration", Message: "reading the client configuration: no kubeconfig was found",
				Hint: "select a kubeconfig with --kubeconfig or $KUBECONFIG, and one of its contexts with --context"}},
		{"missing namespace", applying(apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "ci")), endedError{},
			failure{Code: 1, Reason: "NamespaceMissing", Message: `applying service/d: namespaces "ci" not found`,
				Hint: "create it with --create-namespace, or select another with -n"}},
		{"terminating namespace", applying(ending), endedError{},
			failure{Code: 3, Reason: "NamespaceTerminating", Message: "applying service/d: " + ending.Error(),
				Hint: "the namespace is being deleted: run the same command again once it is gone, or select another with -n"}},
		{"unauthorized", applying(apierrors.NewUnauthorized("Unauthorized")), endedError{},
			failure{Code: 1, Reason: "Unauthorized", Message: "applying service/d: Unauthorized",
				Hint: "the credentials of this context are invalid or expired: log in again"}},
		{"forbidden", applying(apierrors.NewForbidden(services, "d", errors.New(`User "jane" cannot patch resource`))), endedError{},
			failure{Code: 1, Reason: "Forbidden", Message: `applying service/d: services "d" is forbidden: User "jane" cannot patch resource`,
				Hint: "ask an administrator for the permission that the message names"}},
		{"quota exceeded", applying(apierrors.NewForbidden(services, "d", errors.New("exceeded quota: q"))), endedError{},
			failure{Code: 1, Reason: "QuotaExceeded", Message: `applying service/d: services "d" is forbidden: exceeded quota: q`,
				Hint: "Raise the ResourceQuota, or set --cpu-request, --memory-request, --cpu-limit and --memory-limit to fit it."}},
		{"bad request", applying(apierrors.NewBadRequest("no")), endedError{}, failure{Code: 1, Reason: "Failed", Message: "applying service/d: no"}},
		{"invalid object", applying(apierrors.NewInvalid(schema.GroupKind{Kind: "Service"}, "d", nil)), endedError{},
			failure{Code: 1, Reason: "Invalid", Message: `applying service/d: Service "d" is invalid`,
				Hint: "the message names the field: correct the option that sets it"}},
		{"conflict", applying(apierrors.NewConflict(services, "d", errors.New("changed"))), endedError{},
			failure{Code: 1, Reason: "Conflict", Message: `applying service/d: Operation cannot be fulfilled on services "d": changed`,
				Hint: "another client changed the object at the same time: run the same command again"}},
		{"service unavailable", applying(apierrors.NewServiceUnavailable("later")), endedError{},
			failure{Code: 1, Reason: "ServerUnavailable", Message: "applying service/d: later",
				Hint: "the API server, or a proxy in front of it, is unavailable: run the same command again"}},
		{"gateway timeout of a load balancer", applying(apierrors.NewGenericServerResponse(504, "patch", services, "d", "upstream request timeout", 0, true)), endedError{},
			failure{Code: 1, Reason: "ServerUnavailable",
				Message: "applying service/d: the server was unable to return a response in the time allotted, but may still be processing the request (patch services d)",
				Hint:    "the API server, or a proxy in front of it, is unavailable: run the same command again"}},
		{"unknown authority", applying(&url.Error{Op: "Get", URL: "https://x", Err: &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}}), endedError{},
			failure{Code: 1, Reason: "UntrustedServer", Message: `applying service/d: Get "https://x": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
				Hint: "the kubeconfig's certificate-authority does not match this server: is it the right context, and is it up to date?"}},
		{"connection refused", applying(&url.Error{Op: "Get", URL: "https://x", Err: &net.OpError{Op: "dial", Net: "tcp", Err: errDown}}), endedError{},
			failure{Code: 1, Reason: "Unreachable", Message: `applying service/d: Get "https://x": dial tcp: connection refused`,
				Hint: "is the cluster's address correct, and does `kubectl version` reach it?"}},
		{"timeout", applying(context.DeadlineExceeded), deadline,
			failure{Code: 3, Reason: "Timeout", Message: "applying service/d: context deadline exceeded (timeout of 5m0s)", Hint: "increase --timeout to wait longer"}},
		{"several errors", errors.Join(applying(errDown), applying(apierrors.NewUnauthorized("Unauthorized"))), endedError{},
			failure{Code: 1, Reason: "Unauthorized", Message: "applying service/d: connection refused\napplying service/d: Unauthorized",
				Hint: "the credentials of this context are invalid or expired: log in again"}},
		{"anything else", errors.New("disk full"), endedError{}, failure{Code: 1, Reason: "Failed", Message: "disk full"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, describe(test.err, test.how)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFailureText(t *testing.T) {
	f := failure{
		Message: "it failed\nin two ways\x1b[31m", Hint: "go on", Log: "one\ttwo\nthree\x1b]0;x\a",
		Problems: []failureProblem{{Message: "--mtu: no\nnumber", Hint: "give one"}, {Message: "--name: no"}},
	}
	tests := []struct {
		name  string
		color bool
		want  string
	}{
		{"plain", false, "error: it failed\nin two ways\n  --mtu: no number\n    give one\n  --name: no\n  | one two\n  | three\nnext: go on\n"},
		{"colored", true, "\x1b[31merror:\x1b[0m it failed\nin two ways\n  --mtu: no number\n    \x1b[2mgive one\x1b[0m\n  --name: no\n  | one two\n  | three\nnext: go on\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.streams.ErrColor = test.color
			f.write(w.streams, false)
			if diff := cmp.Diff(test.want, w.err.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
