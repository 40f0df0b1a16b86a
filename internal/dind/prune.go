package dind

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PruneOverrides override options for one prune; the zero value changes nothing.
type PruneOverrides struct {
	All       bool   // remove everything unused, regardless of age
	UnusedFor string // overrides --prune-unused-for
	// KeepStorage keeps this much of the most recently used build cache, regardless
	// of age. It does not affect images and containers.
	KeepStorage string
}

// PruneJob returns a Job like kubectl create job --from: the CronJob is its
// controller, so the CronJob's history limits apply. The overrides, which must be
// valid, become variables of the container. PruneJob does not change the CronJob.
func PruneJob(cron *batchv1.CronJob, overrides PruneOverrides, nameSuffix string) *batchv1.Job {
	template := cron.Spec.JobTemplate.DeepCopy()
	annotations := map[string]string{}
	maps.Copy(annotations, template.Annotations)
	annotations["cronjob.kubernetes.io/instantiate"] = "manual"
	job := &batchv1.Job{
		TypeMeta: metav1.TypeMeta{APIVersion: batchv1.SchemeGroupVersion.String(), Kind: "Job"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace:   cron.Namespace,
			Name:        jobName(cron.Name, nameSuffix),
			Labels:      template.Labels,
			Annotations: annotations,
			// blockOwnerDeletion would require permission to update the finalizers.
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: batchv1.SchemeGroupVersion.String(), Kind: "CronJob", Name: cron.Name, UID: cron.UID, Controller: new(true),
			}},
		},
		Spec: template.Spec,
	}
	overrides.apply(&job.Spec.Template.Spec)
	return job
}

// jobName returns name, a dash and suffix, with name truncated so that the result has
// at most 63 characters.
func jobName(name, suffix string) string {
	name = name[:min(len(name), max(62-len(suffix), 0))]
	return strings.TrimRight(name, "-.") + "-" + suffix
}

func (o PruneOverrides) apply(pod *corev1.PodSpec) {
	container := pruneContainer(pod)
	if container == nil {
		return
	}
	// Somebody looks at the result of this prune; status warns of certificates.
	container.Env = slices.DeleteFunc(container.Env, func(v corev1.EnvVar) bool { return v.Name == certificateEnv })
	if o.UnusedFor != "" {
		unusedFor, err := parseUnusedFor(o.UnusedFor)
		if err != nil {
			unusedFor = o.UnusedFor // the engine will reject it
		}
		setEnv(container, unusedForEnv, unusedFor)
	}
	if o.All {
		setEnv(container, unusedForEnv, "0")
	}
	if o.UnusedFor != "" || o.KeepStorage != "" {
		setEnv(container, cacheNowEnv, "1") // the garbage collection goes by other limits
	}
	if o.KeepStorage != "" {
		keep := o.KeepStorage
		if size, err := ParseSize(keep); err == nil {
			keep = strconv.FormatInt(size, 10) // docker's units are binary
		}
		setEnv(container, keepStorageEnv, keep)
	}
}

func pruneContainer(pod *corev1.PodSpec) *corev1.Container {
	i := slices.IndexFunc(pod.Containers, func(c corev1.Container) bool { return c.Name == PruneContainerName })
	if i < 0 {
		return nil
	}
	return &pod.Containers[i]
}

func setEnv(container *corev1.Container, name, value string) {
	container.Env = slices.DeleteFunc(container.Env, func(v corev1.EnvVar) bool { return v.Name == name })
	container.Env = append(container.Env, corev1.EnvVar{Name: name, Value: value})
}

// PruneTerms are the options of a prune Job.
type PruneTerms struct {
	UnusedFor       time.Duration // the minimum time unused; 0 for everything unused
	KeepBytes       int64         // of build cache; 0 for none
	MaxContainerAge time.Duration // of running containers; 0 for any
	// CacheNow means that the Job removes build cache in any case. Without it, with
	// containerd's image store, only the builder's own garbage collection does.
	CacheNow bool
}

// ReadPruneTerms returns the options of a prune Job.
func ReadPruneTerms(job *batchv1.Job) (terms PruneTerms, err error) {
	values := map[string]string{}
	if container := pruneContainer(&job.Spec.Template.Spec); container != nil {
		for _, v := range container.Env {
			values[v.Name] = v.Value
		}
	}
	if terms.UnusedFor, err = time.ParseDuration(values[unusedForEnv]); err != nil {
		return terms, fmt.Errorf("read %s of the prune Job: %w", unusedForEnv, err)
	}
	if keep := values[keepStorageEnv]; keep != "" {
		if terms.KeepBytes, err = strconv.ParseInt(keep, 10, 64); err != nil {
			return terms, fmt.Errorf("read %s of the prune Job: %w", keepStorageEnv, err)
		}
	}
	terms.CacheNow = values[cacheNowEnv] != "" || terms.UnusedFor == 0
	if age := values[maxAgeEnv]; age != "" {
		if terms.MaxContainerAge, err = time.ParseDuration(age); err != nil {
			return terms, fmt.Errorf("read %s of the prune Job: %w", maxAgeEnv, err)
		}
	}
	return terms, nil
}

// PruneFailure returns the error that prune.sh wrote as its termination message; "" if
// there is none.
func PruneFailure(terminationMessage string) string {
	var message struct {
		Error string `json:"error"`
	}
	if json.Unmarshal([]byte(terminationMessage), &message) != nil {
		return ""
	}
	return message.Error
}

// ReadPruneLine parses a line of prune.sh's log. It returns the command or removal that
// the line reports, or what the user must know: why prune.sh is waiting, or a side effect;
// "" for any other line.
func ReadPruneLine(line string) (text string, important bool) {
	if strings.HasPrefix(line, "another prune is running") || strings.HasPrefix(line, "the daemon may have forgotten") {
		return line, true
	}
	command, started := strings.CutPrefix(line, "+ ")
	if started || strings.HasPrefix(line, "removed ") {
		return command, false
	}
	return "", false
}
