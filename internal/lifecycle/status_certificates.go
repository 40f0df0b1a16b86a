package lifecycle

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/certs"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
)

// expiryWarning is the time before expiry at which status warns.
const expiryWarning = dind.ExpiryDays * 24 * time.Hour

// Certificates is when the certificates of TLS expire; nil if it could not be read.
type Certificates struct {
	ServerExpires *time.Time `json:"serverExpires"`
	ClientExpires *time.Time `json:"clientExpires"`
}

const renewHint = "`dindctl install --tls`, with the options of this installation, creates new certificates; running jobs keep working, the pod restarts."

// givenHint is the next step where somebody else issues the certificates.
const givenHint = "Who issues the certificates renews them, for example cert-manager (`kubectl describe certificate`); then `dindctl install --reuse-options` restarts the pod, which loads them."

// certificateState returns whether the certificates exist, match and are loaded, and
// when they expire.
func (i Instance) certificateState(ctx context.Context, found installation) (*Certificates, []ObjectState, []Problem) {
	expiry := &Certificates{}
	options, _ := dind.Remembered(found.deployment())
	if err := found.findSecrets(ctx, options); err != nil {
		return expiry, nil, []Problem{{
			Object: "secret/" + found.secrets.Server.Name, Reason: "CertificatesUnknown", Severity: SeverityWarning,
			Message: "The certificates could not be read: " + err.Error(),
			Hint:    hintFor(err, "get secrets", "`dindctl status` tries again."),
		}}
	}
	unread := found.findCopies(ctx, nil)
	var states []ObjectState
	var problems []Problem
	for _, one := range []struct {
		whose, name string
		secret      *corev1.Secret
		expires     **time.Time
	}{
		{"daemon", found.secrets.Server.Name, found.serverSecret(), &expiry.ServerExpires},
		{"clients", found.secrets.Client.Name, found.clientSecret(), &expiry.ClientExpires},
	} {
		state, problem := i.secretState(one.whose, one.name, one.secret, one.expires)
		states, problems = append(states, state), append(problems, problem...)
	}
	if found.serverSecret() != nil && found.deployment() != nil &&
		found.deployment().Spec.Template.Annotations[dind.CertificateHashAnnotation] != dind.CertificateHash(found.serverSecret().Data) {
		problems = append(problems, Problem{
			Object: "deployment/" + i.Name, Reason: "CertificateNotLoaded", Severity: SeverityWarning,
			Message: "The daemon was not restarted since its certificate changed.", Hint: renewHint,
		})
	}
	if found.secrets.Client.Given {
		for n := range problems {
			problems[n].Hint = givenHint
		}
	}
	if found.secrets.Client.Given || found.clientSecret() == nil || options.ReplicaOf != "" { // the copies are the first replica's
		return expiry, states, problems
	}
	copies, more := i.copyStates(found, unread)
	return expiry, append(states, copies...), append(problems, more...)
}

// secretState returns the state of one Secret's certificate and sets when it expires.
func (i Instance) secretState(whose, name string, secret *corev1.Secret, expires **time.Time) (ObjectState, []Problem) {
	state := ObjectState{Kind: "Secret", Name: name}
	problem := Problem{Object: "secret/" + name, Severity: SeverityError, Hint: renewHint}
	if secret == nil {
		state.State = "Missing"
		problem.Reason, problem.Message = "Missing", "The Secret with the certificate of the "+whose+" does not exist."
		return state, []Problem{problem}
	}
	if gone := terminating(kube.Item{Ref: i.Cluster.Ref("Secret", name), Object: secret}); gone != nil {
		state.State = "Terminating"
		return state, []Problem{*gone}
	}
	end, err := certs.Ends(secret.Data)
	if err != nil {
		state.State = "Invalid"
		problem.Reason, problem.Message = "CertificateInvalid", "The certificate of the "+whose+" cannot be used: "+err.Error()+"."
		return state, []Problem{problem}
	}
	*expires = &end
	state.State, state.Ready, state.Detail = "Valid", true, "until "+end.Format(time.DateOnly)
	left := end.Sub(i.Now())
	switch {
	case left <= 0:
		state.State, state.Ready = "Expired", false
		problem.Reason, problem.Message = "CertificateExpired", fmt.Sprintf("The certificate of the %s expired on %s: no job can connect.", whose, end.Format(time.DateOnly))
	case left <= expiryWarning:
		state.State = "Expiring"
		problem.Severity = SeverityWarning
		problem.Reason, problem.Message = "CertificateExpiring", fmt.Sprintf("The certificate of the %s expires on %s, in %d days.", whose, end.Format(time.DateOnly), int(left/(24*time.Hour)))
	default:
		return state, nil
	}
	return state, []Problem{problem}
}

// copyStates returns whether other namespaces have the current certificates.
func (i Instance) copyStates(found installation, unread []*kube.ReadError) ([]ObjectState, []Problem) {
	var states []ObjectState
	var problems []Problem
	for _, namespace := range dind.Copies(found.clientSecret()) {
		state := ObjectState{Kind: "Secret", Name: found.clientSecret().Name, Detail: "copy in namespace " + namespace}
		problem := Problem{Object: "secret/" + state.Name, Severity: SeverityError, Hint: "`dindctl install --tls`, with the options of this installation, creates it again."}
		held := found.clientCopy(namespace)
		blocked := slices.IndexFunc(unread, func(e *kube.ReadError) bool { return e.Ref.Namespace == namespace })
		switch {
		case blocked >= 0:
			state.State = "Unknown"
			problem.Reason, problem.Severity = "CopyUnknown", SeverityWarning
			problem.Message = "The copy for the jobs of namespace " + namespace + " could not be read: " + unread[blocked].Err.Error()
			problem.Hint = hintFor(unread[blocked], "get secrets in namespace "+namespace, "`dindctl status` tries again.")
		case held == nil:
			state.State = "Missing"
			problem.Reason, problem.Message = "CopyMissing", "The copy for the jobs of namespace "+namespace+" does not exist: they cannot start."
		case !sameFiles(held.Data, found.clientSecret().Data):
			state.State = "Differs"
			problem.Reason, problem.Message = "CopyDiffers", "The copy for the jobs of namespace "+namespace+" differs from the original."
		default:
			state.State, state.Ready = "Present", true
			states = append(states, state)
			continue
		}
		states, problems = append(states, state), append(problems, problem)
	}
	return states, problems
}

// sameFiles reports whether a copy has the files of the original; it may have more.
func sameFiles(replica, original map[string][]byte) bool {
	for name, content := range original {
		if !bytes.Equal(replica[name], content) {
			return false
		}
	}
	return true
}
