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

// removalTime is for how long the removal of a Job is waited for, after an
// interrupt or a timeout too: its pod removes what it built first.
const removalTime = 40 * time.Second

// Verification is the outcome of Verify.
type Verification struct {
	Namespace  string `json:"namespace"`
	From       string `json:"from"`
	Job        string `json:"job"`
	DockerHost string `json:"dockerHost"`
	// Reached tells whether the daemon was reached from there, Expected whether
	// the NetworkPolicy lets it be.
	Reached  bool `json:"reached"`
	Expected bool `json:"expected"`
	// Cold and Warm are the two builds of Steps steps; nil where nothing was to
	// be built, as the daemon is not to be reached from there.
	Cold            *dind.VerifiedBuild `json:"cold"`
	Warm            *dind.VerifiedBuild `json:"warm"`
	Steps           int                 `json:"steps"`
	Cached          bool                `json:"cached"`
	DurationSeconds float64             `json:"durationSeconds"`
}

// Verify has a Job in the namespace from, as a CI job would, find the daemon by
// the Service's name, reach it past the NetworkPolicies, and build an image
// twice, the second time from the cache. Where the installation's NetworkPolicy
// does not let that namespace in, the Job must not reach it. "" is the
// installation's own namespace. Nothing is left behind.
//
// nil means that all is as expected. The error is a *NotInstalledError,
// *rollout.NotReadyError (of the daemon or of the Job's pod), *NotProvedError,
// or what the connection gives. The Job's log goes to log, if that is not nil.
func (i Instance) Verify(ctx context.Context, from string, log func(string)) (Verification, error) {
	began := i.Now()
	if from == "" {
		from = i.Cluster.Namespace
	}
	outcome := Verification{
		Namespace: i.Cluster.Namespace, From: from,
	}
	var found installation
	err := progress.Step(i.Observer, "Daemon", func(update func(string)) (err error) {
		update("looking for it")
		var pod *corev1.Pod
		if found, pod, err = i.findReady(ctx); err == nil {
			update("pod " + pod.Name + " is ready")
		}
		return err
	})
	if err == nil {
		err = i.verify(ctx, found, &outcome, log)
	}
	outcome.DurationSeconds = i.Now().Sub(began).Seconds()
	return outcome, err
}

// verifyInstalled is Verify for a daemon that was just seen to answer.
func (i Instance) verifyInstalled(ctx context.Context, outcome *Installation) error {
	began := i.Now()
	found, err := i.read(ctx, i.refs()...)
	if err != nil {
		return err
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
	outcome.Expected = own || dind.Admits(found.networkPolicy(), outcome.From, nil)
	name := "Job"
	if !own {
		name = "Job in namespace " + outcome.From
	}
	err := progress.Step(i.Observer, name, func(update func(string)) error {
		notProved := &NotProvedError{
			Namespace: i.Cluster.Namespace, Name: i.Name, From: outcome.From, DockerHost: outcome.DockerHost,
			Expected: outcome.Expected, ServiceMissing: found.service() == nil, TLS: tls,
		}
		result, err := i.runVerification(ctx, found.deployment(), outcome, update, log)
		if foundOutNothing(err) {
			notProved.Err = err
			return notProved
		}
		if err != nil {
			return err
		}
		outcome.Reached, outcome.Steps = result.Outcome.Reached(), result.Steps
		outcome.Cold, outcome.Warm = result.Cold, result.Warm
		outcome.Cached = result.Outcome == dind.VerifyCached
		if !asExpected(result.Outcome, outcome.Expected) {
			notProved.Result = result
			return notProved
		}
		update(describeVerification(*outcome))
		return nil
	})
	if err != nil || outcome.Reached || own {
		return err
	}
	// That nothing is reached from there means something only while the same
	// daemon is reached from where it should be.
	control := Verification{Namespace: outcome.Namespace, From: outcome.Namespace}
	return i.verify(ctx, found, &control, log)
}

// asExpected: what is to be reached is to build as well.
func asExpected(outcome dind.VerifyOutcome, expected bool) bool {
	if expected {
		return outcome == dind.VerifyCached
	}
	return outcome == dind.VerifyRefused || outcome == dind.VerifySilent
}

// runVerification makes the Job, waits for what it finds, and removes it.
func (i Instance) runVerification(ctx context.Context, daemon *appsv1.Deployment, outcome *Verification, update func(string), log func(string)) (result dind.VerifyResult, err error) {
	there := i
	there.Cluster = i.Cluster.In(outcome.From)
	job, err := dind.VerifyJob(daemon, dind.Verification{
		From: outcome.From, Refused: !outcome.Expected, Token: strconv.FormatInt(i.Now().UnixNano(), 36),
	})
	if err != nil {
		return result, err
	}
	outcome.Job = job.Name
	// Whatever becomes of the request: it may have been heard and not answered.
	defer func() {
		if removal := there.removeJob(ctx, job); removal != nil && err == nil {
			err = removal
		} else if removal != nil {
			progress.Warn(i.Observer, removal.Error()+"; it ends within ten minutes and is removed ten minutes later")
		}
	}()
	created, err := there.Cluster.CreateJob(ctx, job)
	if err != nil {
		return result, err
	}
	update("job/" + created.Name + " created")
	done, err := there.follow(ctx, created, update, log)
	switch {
	case err != nil:
		return result, err
	case done == nil:
		return result, fmt.Errorf("%w: its pod is gone", errNotSaid)
	}
	result, err = dind.ParseVerifyResult(kube.TerminationMessage(done))
	if err != nil {
		return result, fmt.Errorf("%w: %w", errNotSaid, err)
	}
	return result, nil
}

// errNotSaid says that a Job succeeded and what it found is not known.
var errNotSaid = errors.New("it did not say what it found")

// foundOutNothing tells whether the Job ran, or could not, without finding out.
func foundOutNothing(err error) bool {
	var failed *rollout.JobFailedError
	return errors.Is(err, errNotSaid) || errors.As(err, &failed) || kube.NamespaceMissing(err)
}

// removeJob removes the Job and its pod, if it was made.
func (i Instance) removeJob(ctx context.Context, job *batchv1.Job) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removalTime)
	defer cancel()
	jobs, err := i.Cluster.Jobs(ctx, job.Labels)
	if err != nil {
		return fmt.Errorf("removing job/%s: %w", job.Name, err)
	}
	for _, item := range jobs {
		if item.Ref.Name == job.Name {
			return i.Cluster.Delete(ctx, []kube.Item{item}, func(int) {})
		}
	}
	return nil
}

func describeVerification(v Verification) string {
	if !v.Reached {
		return "does not reach the daemon, as the NetworkPolicy has it"
	}
	return fmt.Sprintf("built in %s, again in %s: all %d steps from the cache", human.Took(v.Cold.Seconds), human.Took(v.Warm.Seconds), v.Steps)
}
