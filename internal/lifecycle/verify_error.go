package lifecycle

import (
	"errors"
	"fmt"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/rollout"
)

// NotProvedError says that a Job found the way to the daemon, or the daemon's
// cache, not to be as it should.
type NotProvedError struct {
	Namespace, Name, DockerHost string
	// From is the Job's namespace, and Expected whether the daemon is to be
	// reached from there.
	From     string
	Expected bool
	Result   dind.VerifyResult
	// ServiceMissing says why the name cannot resolve.
	ServiceMissing bool
	// TLS says that to reach the daemon is not yet to be let in.
	TLS bool
	// Err is why the Job did not find out; there is no Result then.
	Err error
}

func (e *NotProvedError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("a job in namespace %s did not find out: %v", e.From, e.Err)
	}
	return fmt.Sprintf("a job in namespace %s %s", e.From, e.found())
}

// Unwrap gives the cause.
func (e *NotProvedError) Unwrap() error { return e.Err }

func (e *NotProvedError) found() string {
	address := e.DockerHost
	if !e.Expected && e.Result.Outcome.Reached() {
		return "reaches the daemon although the NetworkPolicy does not let it: the network plugin does not enforce policies, or another policy lets it in"
	}
	switch e.Result.Outcome {
	case dind.VerifyUnresolved:
		return fmt.Sprintf("cannot resolve the Service's name (%s)", address)
	case dind.VerifyRefused:
		return fmt.Sprintf("is refused at %s, though the daemon's pod is ready", address)
	case dind.VerifySilent:
		return fmt.Sprintf("gets no answer from %s, though the daemon's pod is ready", address)
	case dind.VerifyFailed:
		return "reaches the daemon, and its build fails"
	case dind.VerifyUncached:
		return fmt.Sprintf("reaches the daemon, and its second build is not served from the cache: %d of %d steps were", e.cachedSteps(), e.Result.Steps)
	}
	return fmt.Sprintf("reaches %s, and what answers there is of no use to it", address)
}

func (e *NotProvedError) cachedSteps() int {
	if e.Result.Warm == nil {
		return 0
	}
	return e.Result.Warm.CachedSteps
}

// Log is what is worth showing of what the Job said.
func (e *NotProvedError) Log() string {
	var failed *rollout.JobFailedError
	if errors.As(e.Err, &failed) {
		return failed.Log
	}
	return e.Result.Detail
}

// Advice names the kind of the failure and the way out of it.
func (e *NotProvedError) Advice() (reason, hint string) {
	switch {
	case kube.NamespaceMissing(e.Err):
		return "NamespaceMissing", "name a namespace that exists with --from"
	case e.Err != nil:
		return "JobFailed", "the same command with -v shows the job's whole log"
	}
	if !e.Expected && e.Result.Outcome.Reached() {
		risk := "whoever reaches the daemon is root on its node"
		if e.TLS {
			risk = "the certificates alone keep such a job from the daemon"
		}
		return "PolicyNotEnforced", risk + ": use a network plugin that enforces NetworkPolicy, and look at `kubectl get networkpolicy -n " + e.Namespace + "`"
	}
	switch e.Result.Outcome {
	case dind.VerifyUnresolved:
		if e.ServiceMissing {
			return "ServiceMissing", fmt.Sprintf("there is no service/%s in namespace %s: `dindctl install` puts it back", e.Name, e.Namespace)
		}
		return "NameNotResolved", fmt.Sprintf("the cluster's DNS does not know it, or a policy keeps the job from asking: `kubectl run -n %s --rm -it --restart=Never --image=busybox dns -- nslookup %s.%s.svc`", e.From, e.Name, e.Namespace)
	case dind.VerifyRefused:
		return "ConnectionRefused", fmt.Sprintf("the Service leads elsewhere, or a policy rejects the job: `dindctl install` repairs the Service, `kubectl get networkpolicy -n %s` and `-n %s` list the policies", e.Namespace, e.From)
	case dind.VerifySilent:
		return "NoAnswer", fmt.Sprintf("a policy or a firewall drops what the job sends: `kubectl get networkpolicy -n %s` lists those at the daemon, `-n %s` those at the job", e.Namespace, e.From)
	case dind.VerifyFailed:
		return "BuildFailed", fmt.Sprintf("kubectl logs -n %s deployment/%s", e.Namespace, e.Name)
	case dind.VerifyUncached:
		return "NotCached", "something empties the build cache at once: `dindctl status` shows its size, `dindctl install --cache-limit` sets its limit"
	}
	return "DaemonUnusable", fmt.Sprintf("kubectl logs -n %s deployment/%s", e.Namespace, e.Name)
}
