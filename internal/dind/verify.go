package dind

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applybatch "k8s.io/client-go/applyconfigurations/batch/v1"
)

const (
	// The variables that verify.sh reads besides Variables.
	verifyTokenEnv  = "VERIFY_TOKEN"
	verifyExpectEnv = "VERIFY_EXPECT"
	verifyScriptEnv = "VERIFY_SCRIPT"
	verifyKeyEnv    = "VERIFY_KEY"
	verifyFirstEnv  = "VERIFY_FIRST"

	// If dindctl is killed before it deletes the Job, the Job ends after
	// verifyDeadline, and the cluster deletes it after verifyKept.
	verifyDeadline = 10 * 60
	verifyKept     = 10 * 60
)

// VerifySpec describes one verification.
type VerifySpec struct {
	From    string // the namespace in which the Job runs
	Token   string // makes the Job's name and its builds unique
	Refused bool   // the daemon must not be reachable from there
}

// VerifyJob returns a Job that builds a small image twice. It uses the image and the
// scheduling options of the live Deployment. In the Deployment's namespace, it also uses
// its image pull secrets, and the Deployment owns the Job.
func VerifyJob(daemon *appsv1.Deployment, v VerifySpec) (*batchv1.Job, error) {
	template := daemon.Spec.Template.Spec
	var image string
	if container := daemonOf(daemon); container != nil {
		image = container.Image
	}
	expect := "reached"
	if v.Refused {
		expect = "refused"
	}
	env := []Variable{{verifyTokenEnv, v.Token}, {verifyExpectEnv, expect}}
	options, _ := Remembered(daemon)
	if !v.Refused {
		env = append(env, options.routing(PodServesTLS(template))...)
	}
	labels := Labels(daemon.Name)
	delete(labels, AppLabel) // so that the Service does not select the pod
	labels[ComponentLabel] = VerifyComponent
	namespace := daemon.Namespace
	if v.From != daemon.Namespace {
		options.ServiceAccount = ""
	} else {
		namespace = ""
	}
	pod := client{
		namespace: daemon.Namespace, name: daemon.Name,
		tls: PodServesTLS(template), withoutCerts: v.Refused, certificates: SecretsOf(daemon.Name, options).Client,
		container: VerifyComponent, image: image, command: []string{"sh", "-c", verifyScript},
		env: env,
	}.pod()
	besideDaemon(pod, namespace, daemon.Spec.Selector, template.NodeSelector)
	spec := applybatch.Job(jobName(daemon.Name+"-verify", v.Token), v.From).
		WithLabels(labels).
		WithSpec(applybatch.JobSpec().
			WithBackoffLimit(0).
			WithActiveDeadlineSeconds(verifyDeadline).
			WithTTLSecondsAfterFinished(verifyKept).
			WithTemplate(options.podTemplate(labels, nil, pod)))
	job := &batchv1.Job{}
	if err := convert(spec, job); err != nil {
		return nil, err
	}
	built := &job.Spec.Template.Spec
	built.Tolerations, built.PriorityClassName = template.Tolerations, template.PriorityClassName
	if v.From == daemon.Namespace {
		// In another namespace these Secrets do not exist, and naming them would keep
		// those of its service account from being used.
		built.ImagePullSecrets = template.ImagePullSecrets
		job.OwnerReferences = []metav1.OwnerReference{{
			APIVersion: appsv1.SchemeGroupVersion.String(), Kind: "Deployment", Name: daemon.Name, UID: daemon.UID,
		}}
	}
	return job, nil
}

// routing returns the variables with which verify.sh checks that the jobs of a project of this
// replica choose it; none if it is the only one.
func (o Options) routing(tls bool) []Variable {
	all := o
	if all.ReplicaOf != "" {
		all.Name = all.ReplicaOf
	} else if all.ReplicaCount() == 1 {
		return nil
	}
	if !slices.Contains(replicaNames(all.Name), o.Name) {
		return nil // somebody else set the label
	}
	all.Replicas, all.ReplicaOf, all.TLS = strconv.Itoa(MaxReplicas), "", tls
	key := 1
	for Ranking(all.Name, strconv.Itoa(key), MaxReplicas)[0] != o.Name {
		key++
	}
	return []Variable{
		{verifyScriptEnv, literal(all.jobScript())}, {verifyKeyEnv, strconv.Itoa(key)}, {verifyFirstEnv, Endpoint(all.Namespace, all.Name, tls)},
	}
}

// VerifyOutcome is the outcome of a verification.
type VerifyOutcome string

// The outcomes, as verify.sh calls them.
const (
	VerifyCached     VerifyOutcome = "cached"     // both builds succeeded, the second from the cache
	VerifyUncached   VerifyOutcome = "uncached"   // both builds succeeded, the second not from the cache
	VerifyFailed     VerifyOutcome = "failed"     // a build failed
	VerifyReached    VerifyOutcome = "reached"    // the daemon responded; with Refused nothing is built
	VerifyMisrouted  VerifyOutcome = "misrouted"  // the jobs of the replica's projects choose another one
	VerifyUnresolved VerifyOutcome = "unresolved" // the Service's name does not resolve
	VerifyRefused    VerifyOutcome = "refused"    // the connection was refused
	VerifySilent     VerifyOutcome = "silent"     // no response
	VerifyUnusable   VerifyOutcome = "unusable"   // an unexpected response
)

// Reached reports whether anything responded.
func (o VerifyOutcome) Reached() bool {
	return o != VerifyUnresolved && o != VerifyRefused && o != VerifySilent
}

// VerifyResult is the result that verify.sh reports.
type VerifyResult struct {
	Outcome    VerifyOutcome
	Steps      int            // of a build
	Cold, Warm *VerifiedBuild // nil if the build did not succeed
	Detail     string         // the end of docker's output
}

// VerifiedBuild is one of the two builds.
type VerifiedBuild struct {
	Seconds     float64 `json:"seconds"`
	CachedSteps int     `json:"cachedSteps"`
}

// ParseVerifyResult parses the termination message of verify.sh: lines of NAME=VALUE,
// an empty line, and the end of docker's output.
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
	case VerifyCached, VerifyUncached, VerifyFailed, VerifyReached, VerifyMisrouted,
		VerifyUnresolved, VerifyRefused, VerifySilent, VerifyUnusable:
	default:
		return VerifyResult{}, fmt.Errorf("no outcome in %q", terminationMessage)
	}
	result.Steps, _ = strconv.Atoi(values["steps"])
	result.Cold, result.Warm = verifiedBuild(values, "cold"), verifiedBuild(values, "warm")
	if result.Outcome == VerifyCached && (result.Cold == nil || result.Warm == nil || result.Steps == 0 || result.Warm.CachedSteps < result.Steps) {
		return VerifyResult{}, fmt.Errorf("a cached build without its steps in %q", terminationMessage)
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
