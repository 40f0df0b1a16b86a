package lifecycle

import (
	"errors"
	"fmt"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/rollout"
)

// VerifyError is returned when a Job cannot reach the daemon as it should, or when
// the daemon's cache does not work.
type VerifyError struct {
	Namespace, Name, DockerHost string
	// From is the Job's namespace, Expected whether the NetworkPolicy allows it.
	From     string
	Expected bool
	Result   dind.VerifyResult
	// ServiceMissing is why the name cannot be resolved.
	ServiceMissing bool
	// TLS is set if connecting also needs a certificate.
	TLS bool
	// Err is why there is no Result.
	Err error
}

func (e *VerifyError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("verification from namespace %s failed: %v", e.From, e.Err)
	}
	return fmt.Sprintf("a job in namespace %s %s", e.From, e.finding())
}

// Unwrap returns the cause.
func (e *VerifyError) Unwrap() error { return e.Err }

func (e *VerifyError) finding() string {
	address := e.DockerHost
	if !e.Expected && e.Result.Outcome.Reached() {
		return "reaches the daemon although the NetworkPolicy denies it: the network plugin does not enforce policies, or another policy allows it"
	}
	switch e.Result.Outcome {
	case dind.VerifyUnresolved:
		return fmt.Sprintf("cannot resolve the Service's name (%s)", address)
	case dind.VerifyRefused:
		return fmt.Sprintf("is refused at %s although the daemon's pod is ready", address)
	case dind.VerifySilent:
		return fmt.Sprintf("gets no answer from %s although the daemon's pod is ready", address)
	case dind.VerifyFailed:
		if dind.FindCacheDamage(e.Result.Detail) != nil {
			return "reaches the daemon, but its build fails because the build cache is damaged"
		}
		return "reaches the daemon, but its build fails"
	case dind.VerifyMisrouted:
		return "reaches the daemon, but the script of `dindctl env` chooses another one for this replica's projects"
	case dind.VerifyUncached:
		return fmt.Sprintf("reaches the daemon, but its second build is not served from the cache: only %d of %d steps are", e.cachedSteps(), e.Result.Steps)
	}
	return fmt.Sprintf("reaches %s, but the server there is not a usable Docker daemon", address)
}

func (e *VerifyError) cachedSteps() int {
	if e.Result.Warm == nil {
		return 0
	}
	return e.Result.Warm.CachedSteps
}

// Log returns the part of the Job's output that explains the failure.
func (e *VerifyError) Log() string {
	var failed *rollout.JobFailedError
	if errors.As(e.Err, &failed) {
		return failed.Log
	}
	return e.Result.Detail
}

// Advice returns the kind of the failure and the next step.
func (e *VerifyError) Advice() (reason, hint string) {
	switch {
	case kube.NamespaceMissing(e.Err):
		return "NamespaceMissing", "name a namespace that exists with --from"
	case e.Err != nil:
		return "JobFailed", "add -v to see the whole log of the Job"
	}
	if !e.Expected && e.Result.Outcome.Reached() {
		risk := "anyone who can reach the daemon is root on its node"
		if e.TLS {
			risk = "only the certificates keep such a job out"
		}
		return "PolicyNotEnforced", risk + ": use a network plugin that enforces NetworkPolicy, and look at `kubectl get networkpolicy -n " + e.Namespace + "`"
	}
	switch e.Result.Outcome {
	case dind.VerifyUnresolved:
		if e.ServiceMissing {
			return "ServiceMissing", fmt.Sprintf("there is no service/%s in namespace %s: `dindctl install` creates it again", e.Name, e.Namespace)
		}
		return "NameNotResolved", fmt.Sprintf("the cluster's DNS does not have it, or a policy blocks DNS for the job: `kubectl run -n %s --rm -it --restart=Never --image=busybox dns -- nslookup %s.%s.svc`", e.From, e.Name, e.Namespace)
	case dind.VerifyRefused:
		return "ConnectionRefused", fmt.Sprintf("the Service routes elsewhere, or a policy rejects the job: `dindctl install` repairs the Service, `kubectl get networkpolicy -n %s` and `-n %s` list the policies", e.Namespace, e.From)
	case dind.VerifySilent:
		return "NoAnswer", fmt.Sprintf("a policy or a firewall drops what the job sends: `kubectl get networkpolicy -n %s` lists those at the daemon, `-n %s` those at the job", e.Namespace, e.From)
	case dind.VerifyFailed:
		if dind.FindCacheDamage(e.Result.Detail) != nil {
			return cacheDamaged, removeCache
		}
		switch {
		case rollout.UntrustedRegistry(e.Result.Detail):
			return "RegistryUntrusted", "the daemon does not trust the authority of the registry's certificate: `dindctl install --reuse-options --registry-ca HOST[:PORT]=FILE` gives it the authority"
		case rollout.RateLimited(e.Result.Detail):
			return "RegistryRateLimit", "the registry limits pulls: `dindctl install --reuse-options --registry-mirror URL` uses a mirror, and jobs with `docker login` have the limit of their account"
		}
		return "BuildFailed", fmt.Sprintf("kubectl logs -n %s deployment/%s", e.Namespace, e.Name)
	case dind.VerifyMisrouted:
		return "Misrouted", fmt.Sprintf("a Service of that name is not the replica's, or the cluster's DNS is slow: `kubectl get service,endpointslice -n %s`", e.Namespace)
	case dind.VerifyUncached:
		return "NotCached", "something removes the build cache immediately: `dindctl status` shows its size, `dindctl install --cache-limit` sets its limit"
	}
	return "DaemonUnusable", fmt.Sprintf("kubectl logs -n %s deployment/%s", e.Namespace, e.Name)
}
