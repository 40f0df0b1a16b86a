package lifecycle

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/kube"
)

// DaemonError is returned when the pod is ready and its daemon cannot be reached
// or does not answer.
type DaemonError struct {
	Namespace, Pod string
	Err            error
}

func (e *DaemonError) Error() string {
	return "asking the daemon in pod/" + e.Pod + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *DaemonError) Unwrap() error { return e.Err }

// CredentialsError is returned when the daemon requires a client certificate and
// the Secret that holds it cannot be used.
type CredentialsError struct {
	Secret string
	Err    error
}

func (e *CredentialsError) Error() string {
	return "the daemon requires the certificate in secret/" + e.Secret + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *CredentialsError) Unwrap() error { return e.Err }

// Advice returns the kind of the failure and the next step.
func (e *DaemonError) Advice() (reason, hint string) {
	var version *daemon.APIVersionError
	var unread *kube.ReadError
	var unusable *CredentialsError
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(e.Err, &unread) && apierrors.IsForbidden(e.Err):
		return "Forbidden", hintFor(e.Err, "get secrets", "")
	case apierrors.IsForbidden(e.Err):
		return "Forbidden", hintFor(e.Err, "create pods/portforward", "")
	case strings.Contains(e.Err.Error(), "error dialing backend"):
		return "NodeUnreachable", fmt.Sprintf("the API server does not reach the kubelet of the pod's node, and the daemon may be fine: `dindctl verify -n %s` asks it from inside the cluster", e.Namespace)
	case errors.As(e.Err, &unusable):
		return "CertificateInvalid", renewHint
	case errors.As(e.Err, &untrusted):
		return "DaemonUntrusted", renewHint
	case strings.Contains(e.Err.Error(), "remote error: tls:"):
		return "CertificateRefused", renewHint
	case errors.Is(e.Err, daemon.ErrTLSExpected):
		return "DaemonWantsTLS", "DOCKER_TLS_CERTDIR is set in the daemon's pod: `dindctl install` sets it empty."
	case errors.Is(e.Err, daemon.ErrPlainExpected):
		return "DaemonWithoutTLS", "Unset DOCKER_TLS_VERIFY and DOCKER_CERT_PATH in whatever connects to this daemon."
	case errors.As(e.Err, &version):
		return "DaemonTooOld", "Name an image of Docker Engine 19.03 or later with --image."
	}
	return "DaemonUnreachable", fmt.Sprintf("kubectl logs -n %s %s", e.Namespace, e.Pod)
}

// hintFor returns the permission to ask for if the error is that it is missing,
// and otherwise the given hint.
func hintFor(err error, permission, otherwise string) string {
	if apierrors.IsForbidden(err) {
		return "Ask for the permission to " + permission + "; `dindctl check --print-role` prints all that dindctl uses."
	}
	return otherwise
}
