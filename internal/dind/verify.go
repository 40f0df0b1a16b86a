package dind

import (
	"fmt"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applybatch "k8s.io/client-go/applyconfigurations/batch/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
)

// The variables that verify.sh reads, beside those of a job.
const (
	verifyTokenEnv  = "VERIFY_TOKEN"
	verifyExpectEnv = "VERIFY_EXPECT"
)

const (
	// verifyDeadline ends a Job whose maker has gone, and verifyKept removes it
	// then. Whoever waits for it removes it at once.
	verifyDeadline = 10 * 60
	verifyKept     = 10 * 60
)

// Verification is one proof of the way that a job takes to the daemon.
type Verification struct {
	// From is the namespace that the Job runs in.
	From string
	// Token is new each time: it makes the Job's name and what it builds.
	Token string
	// Refused says that the daemon is not to be reached from there; nothing is
	// built then.
	Refused bool
}

// VerifyJob is a Job that builds a small image twice, with the daemon's own
// image as its client. Where it runs, and with what the image is pulled, is
// taken from the Deployment as it is. In the Deployment's namespace the Job
// belongs to it.
func VerifyJob(daemon *appsv1.Deployment, v Verification) (*batchv1.Job, error) {
	template := daemon.Spec.Template.Spec
	expect := "reached"
	if v.Refused {
		expect = "refused"
	}
	labels := Labels(daemon.Name)
	delete(labels, AppLabel) // the Service would send jobs to its pod
	labels[ComponentLabel] = VerifyComponent
	spec := applybatch.Job(jobName(daemon.Name+"-verify", v.Token), v.From).
		WithLabels(labels).
		WithSpec(applybatch.JobSpec().
			WithBackoffLimit(0).
			WithActiveDeadlineSeconds(verifyDeadline).
			WithTTLSecondsAfterFinished(verifyKept).
			WithTemplate(applycore.PodTemplateSpec().
				WithLabels(labels).
				WithSpec(client{
					namespace: daemon.Namespace, name: daemon.Name,
					tls: PodServesTLS(template), knocks: v.Refused,
					container: VerifyComponent, image: daemonImage(template), command: []string{"sh", "-c", verifyScript},
					env: []Variable{{verifyTokenEnv, v.Token}, {verifyExpectEnv, expect}},
				}.pod())))
	job := &batchv1.Job{}
	if err := convert(spec, job); err != nil {
		return nil, err
	}
	pod := &job.Spec.Template.Spec
	pod.ImagePullSecrets, pod.Tolerations, pod.PriorityClassName = template.ImagePullSecrets, template.Tolerations, template.PriorityClassName
	if v.From == daemon.Namespace {
		job.OwnerReferences = []metav1.OwnerReference{{
			APIVersion: appsv1.SchemeGroupVersion.String(), Kind: "Deployment", Name: daemon.Name, UID: daemon.UID,
		}}
	}
	return job, nil
}

// daemonImage is the image of the daemon's container.
func daemonImage(pod corev1.PodSpec) string {
	for _, container := range pod.Containers {
		if container.Name == ContainerName {
			return container.Image
		}
	}
	return ""
}

// VerifyOutcome is what a verification found.
type VerifyOutcome string

// The outcomes, as verify.sh calls them.
const (
	VerifyCached     VerifyOutcome = "cached"     // both builds, the second one from the cache
	VerifyUncached   VerifyOutcome = "uncached"   // both builds, the second one not from the cache
	VerifyFailed     VerifyOutcome = "failed"     // a build failed
	VerifyReached    VerifyOutcome = "reached"    // nothing was built, as was asked for
	VerifyUnresolved VerifyOutcome = "unresolved" // the Service's name does not resolve
	VerifyRefused    VerifyOutcome = "refused"    // nobody listens there
	VerifySilent     VerifyOutcome = "silent"     // nothing comes back
	VerifyUnusable   VerifyOutcome = "unusable"   // something answers, and not as it should
)

// Reached tells whether the daemon, or something in its place, answered.
func (o VerifyOutcome) Reached() bool {
	return o != VerifyUnresolved && o != VerifyRefused && o != VerifySilent
}

// VerifyResult is what verify.sh says of itself.
type VerifyResult struct {
	Outcome VerifyOutcome
	// Steps is of how many steps the build consists.
	Steps      int
	Cold, Warm *VerifiedBuild // nil for what was not built to its end
	// Detail is the last of what docker said.
	Detail string
}

// VerifiedBuild is one of the two builds.
type VerifiedBuild struct {
	Seconds     float64 `json:"seconds"`
	CachedSteps int     `json:"cachedSteps"`
}

// ParseVerifyResult reads the termination message of a verification: lines of
// NAME=VALUE, an empty line, and what docker said.
func ParseVerifyResult(terminationMessage string) (VerifyResult, error) {
	head, detail, _ := strings.Cut(terminationMessage, "\n\n")
	values := map[string]string{}
	for _, line := range strings.Split(head, "\n") {
		if name, value, found := strings.Cut(line, "="); found {
			values[name] = value
		}
	}
	result := VerifyResult{Outcome: VerifyOutcome(values["outcome"]), Detail: strings.TrimSpace(detail)}
	switch result.Outcome {
	case VerifyCached, VerifyUncached, VerifyFailed, VerifyReached,
		VerifyUnresolved, VerifyRefused, VerifySilent, VerifyUnusable:
	default:
		return VerifyResult{}, fmt.Errorf("the job did not say what it found, but %q", terminationMessage)
	}
	result.Steps, _ = strconv.Atoi(values["steps"])
	result.Cold, result.Warm = verifiedBuild(values, "cold"), verifiedBuild(values, "warm")
	if result.Outcome == VerifyCached && (result.Cold == nil || result.Warm == nil || result.Steps == 0 || result.Warm.CachedSteps < result.Steps) {
		return VerifyResult{}, fmt.Errorf("the job says that the second build was cached, and not how: %q", terminationMessage)
	}
	return result, nil
}

func verifiedBuild(values map[string]string, name string) *VerifiedBuild {
	hundredths, err := strconv.Atoi(values[name])
	cached, cachedErr := strconv.Atoi(values[name+"-cached"])
	if err != nil || cachedErr != nil {
		return nil
	}
	return &VerifiedBuild{Seconds: float64(hundredths) / 100, CachedSteps: cached}
}
