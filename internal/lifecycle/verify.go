package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/human"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/progress"
	"github.com/dindctl/dindctl/internal/rollout"
)

// removalTime bounds the removal of a Job, also after an interrupt or a timeout. Its
// pod first removes what it built.
const removalTime = 40 * time.Second

// Verification is the result of Verify.
type Verification struct {
	Namespace  string `json:"namespace"`
	From       string `json:"from"`
	Job        string `json:"job"`
	DockerHost string `json:"dockerHost"`
	// Reached reports whether the daemon was reached, Expected whether the
	// NetworkPolicy allows it.
	Reached  bool `json:"reached"`
	Expected bool `json:"expected"`
	// Cold and Warm are the two builds of Steps steps; nil if the NetworkPolicy does
	// not allow that namespace.
	Cold            *dind.VerifiedBuild `json:"cold"`
	Warm            *dind.VerifiedBuild `json:"warm"`
	Steps           int                 `json:"steps"`
	Cached          bool                `json:"cached"`
	DurationSeconds float64             `json:"durationSeconds"`
	// Replicas are the results of the other replicas.
	Replicas []Verification `json:"replicas,omitempty"`
}

// Verify runs a Job in the namespace from, "" for the installation's. Like a CI job,
// it resolves the Service's name, connects through the NetworkPolicies and builds an
// image twice, the second time from the cache. If the installation's NetworkPolicy
// does not allow that namespace, the Job must not be able to connect. The Job and
// what it built are removed. It warns if the daemon's log shows that the build cache is
// damaged: the Job's builds use only what they built.
//
// The error is a *NotInstalledError, *rollout.NotReadyError (of the daemon or of the
// Job's pod), *VerifyError, or what the connection returns. log, if not nil, is
// called for each line of the Job's log.
func (i Instance) Verify(ctx context.Context, from string, log func(string)) (Verification, error) {
	began := i.Now()
	if from == "" {
		from = i.Cluster.Namespace
	}
	outcome := Verification{
		Namespace: i.Cluster.Namespace, From: from,
	}
	var found installation
	var pod *corev1.Pod
	err := progress.Step(i.Observer, "Daemon", func(update func(string)) (err error) {
		update("looking for the daemon")
		if found, pod, err = i.findReady(ctx); err == nil {
			update("pod " + pod.Name + " is ready")
		}
		return err
	})
	if err == nil {
		err = i.verify(ctx, found, &outcome, log)
	}
	if err == nil {
		i.warnOfDamage(ctx, pod)
	}
	outcome.DurationSeconds = i.Now().Sub(began).Seconds()
	return outcome, err
}

// verifyInstalled is Verify for a daemon that has just answered.
func (i Instance) verifyInstalled(ctx context.Context, outcome *Installation) error {
	began := i.Now()
	found, err := i.findCore(ctx)
	if err != nil {
		return err
	}
	if found.deployment() == nil {
		return found.notInstalled()
	}
	verified := Verification{Namespace: i.Cluster.Namespace, From: i.Cluster.Namespace}
	err = i.verify(ctx, found, &verified, nil)
	verified.DurationSeconds = i.Now().Sub(began).Seconds()
	outcome.Verification = &verified
	return err
}

// verify fills in the outcome.
func (i Instance) verify(ctx context.Context, found installation, outcome *Verification, log func(string)) error {
	own := outcome.From == i.Cluster.Namespace
	tls := found.servesTLS()
	outcome.DockerHost = dind.Endpoint(i.Cluster.Namespace, i.Name, tls)
	outcome.Expected = own || dind.PolicyAllows(found.networkPolicy(), outcome.From)
	name := "Job"
	if !own {
		name = "Job in namespace " + outcome.From
	}
	err := progress.Step(i.Observer, name, func(update func(string)) error {
		failure := &VerifyError{
			Namespace: i.Cluster.Namespace, Name: i.Name, From: outcome.From, DockerHost: outcome.DockerHost,
			Expected: outcome.Expected, ServiceMissing: found.service() == nil, TLS: tls,
		}
		result, err := i.runVerification(ctx, found.deployment(), outcome, update, log)
		if noResult(err) {
			failure.Err = err
			return failure
		}
		if err != nil {
			return err
		}
		outcome.Reached, outcome.Steps = result.Outcome.Reached(), result.Steps
		outcome.Cold, outcome.Warm = result.Cold, result.Warm
		outcome.Cached = result.Outcome == dind.VerifyCached
		if !asExpected(result.Outcome, outcome.Expected) {
			failure.Result = result
			return failure
		}
		update(describeVerification(*outcome))
		return nil
	})
	if err != nil || outcome.Reached || own {
		return err
	}
	// That it cannot connect proves something only if the daemon can be reached from
	// its own namespace.
	control := Verification{Namespace: outcome.Namespace, From: outcome.Namespace}
	return i.verify(ctx, found, &control, log)
}

// asExpected reports whether the outcome is what the NetworkPolicy requires: a Job
// that may connect has to build, too.
func asExpected(outcome dind.VerifyOutcome, expected bool) bool {
	if expected {
		return outcome == dind.VerifyCached
	}
	return outcome == dind.VerifyRefused || outcome == dind.VerifySilent
}

// runVerification creates the Job, waits for its result and removes it.
func (i Instance) runVerification(ctx context.Context, daemon *appsv1.Deployment, outcome *Verification, update func(string), log func(string)) (result dind.VerifyResult, err error) {
	there := i
	there.Cluster = i.Cluster.In(outcome.From)
	job, err := dind.VerifyJob(daemon, dind.VerifySpec{
		From: outcome.From, Refused: !outcome.Expected, Token: strconv.FormatInt(i.Now().UnixNano(), 36),
	})
	if err != nil {
		return result, err
	}
	outcome.Job = job.Name
	// Also if the request fails: the answer alone may be lost.
	defer func() {
		if removal := there.removeJob(ctx, job); removal != nil && err == nil {
			err = removal
		} else if removal != nil {
			progress.Warn(i.Observer, removal.Error()+"; it ends within ten minutes and is deleted ten minutes later")
		}
	}()
	created, err := there.Cluster.CreateJob(ctx, job)
	if err != nil {
		return result, err
	}
	update("job/" + created.Name + " created")
	done, err := there.follow(ctx, created, dind.VerifyComponent, update, log)
	switch {
	case err != nil:
		return result, err
	case done == nil:
		return result, fmt.Errorf("%w: its pod is gone", errNoResult)
	}
	result, err = dind.ParseVerifyResult(kube.TerminationMessage(done, dind.VerifyComponent))
	if err != nil {
		return result, fmt.Errorf("%w: %w", errNoResult, err)
	}
	return result, nil
}

// errNoResult is returned when a Job succeeded and its result is unknown.
var errNoResult = errors.New("the Job reported no result")

// noResult reports whether the Job ended without a result, or could not run.
func noResult(err error) bool {
	var failed *rollout.JobFailedError
	return errors.Is(err, errNoResult) || errors.As(err, &failed) || kube.NamespaceMissing(err)
}

// removeJob deletes the Job and its pod, if it exists.
func (i Instance) removeJob(ctx context.Context, job *batchv1.Job) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removalTime)
	defer cancel()
	found, err := i.Cluster.Read(ctx, i.Cluster.Ref("Job", job.Name))
	if err != nil {
		return fmt.Errorf("removing job/%s: %w", job.Name, err)
	}
	return i.Cluster.Delete(ctx, found, func(int) {})
}

func describeVerification(v Verification) string {
	if !v.Reached {
		return "cannot reach the daemon, as the NetworkPolicy requires"
	}
	return fmt.Sprintf("built in %s, again in %s: all %d steps from the cache", human.Took(v.Cold.Seconds), human.Took(v.Warm.Seconds), v.Steps)
}
