package dind

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PruneOverrides change one run of the clean-up; the zero value changes nothing.
type PruneOverrides struct {
	// All removes everything unused, whenever it was used last.
	All bool
	// UnusedFor replaces the schedule's --prune-unused-for.
	UnusedFor string
	// KeepStorage keeps that much of the build cache, the last used first,
	// whatever its age; images and containers go by age as ever.
	KeepStorage string
}

// PruneJob is a Job made from the CronJob the way kubectl create job --from
// does it: its controller is the CronJob, whose history limits clear it away.
// Its name is the CronJob's, a dash and nameSuffix, cut in front of the suffix
// to the 63 characters that a Job may have. The overrides are valid, and become
// variables of the container; the CronJob itself is not changed.
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
			// No blockOwnerDeletion: with it one needs the right to change the
			// CronJob's finalizers.
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: batchv1.SchemeGroupVersion.String(),
				Kind:       "CronJob",
				Name:       cron.Name,
				UID:        cron.UID,
				Controller: new(true),
			}},
		},
		Spec: template.Spec,
	}
	overrides.apply(&job.Spec.Template.Spec)
	return job
}

func jobName(cron, suffix string) string {
	const longest = 63
	suffix = "-" + suffix
	if room := longest - len(suffix); len(cron) > room {
		cron = strings.TrimRight(cron[:max(room, 0)], "-.")
	}
	return cron + suffix
}

func (o PruneOverrides) apply(pod *corev1.PodSpec) {
	i := slices.IndexFunc(pod.Containers, func(c corev1.Container) bool { return c.Name == PruneContainerName })
	if i < 0 {
		return
	}
	container := &pod.Containers[i]
	if o.UnusedFor != "" {
		unusedFor, err := parseUnusedFor(o.UnusedFor)
		if err != nil {
			unusedFor = o.UnusedFor // the engine will refuse it, and say so
		}
		setEnv(container, unusedForEnv, unusedFor)
	}
	if o.All {
		setEnv(container, unusedForEnv, "0")
	}
	if o.KeepStorage != "" {
		keep := o.KeepStorage
		if size, err := ParseSize(keep); err == nil {
			keep = strconv.FormatInt(size, 10) // docker's own units are binary
		}
		setEnv(container, keepStorageEnv, keep)
	}
}

func setEnv(container *corev1.Container, name, value string) {
	container.Env = slices.DeleteFunc(container.Env, func(v corev1.EnvVar) bool { return v.Name == name })
	container.Env = append(container.Env, corev1.EnvVar{Name: name, Value: value})
}

// PruneTerms reads from a clean-up's Job what it goes by: for how long what it
// removes must not have been used, 0 being everything unused, and how many bytes
// of build cache it keeps, 0 being no such limit.
func PruneTerms(job *batchv1.Job) (unusedFor time.Duration, keepBytes int64, err error) {
	values := map[string]string{}
	for _, container := range job.Spec.Template.Spec.Containers {
		if container.Name != PruneContainerName {
			continue
		}
		for _, v := range container.Env {
			values[v.Name] = v.Value
		}
	}
	if unusedFor, err = time.ParseDuration(values[unusedForEnv]); err != nil {
		return 0, 0, fmt.Errorf("read %s of the clean-up: %w", unusedForEnv, err)
	}
	if keep := values[keepStorageEnv]; keep != "" {
		if keepBytes, err = strconv.ParseInt(keep, 10, 64); err != nil {
			return 0, 0, fmt.Errorf("read %s of the clean-up: %w", keepStorageEnv, err)
		}
	}
	return unusedFor, keepBytes, nil
}

// PruneResult is what a clean-up says of itself.
type PruneResult struct {
	ReclaimedBytes int64 `json:"reclaimedBytes"`
}

// PruneFailedError is what a clean-up left behind that did not succeed.
type PruneFailedError struct{ Reason string }

func (e *PruneFailedError) Error() string { return e.Reason }

// ParsePruneResult reads the termination message of the clean-up's container:
// one line of JSON with the sizes as docker printed them, one for each prune.
// They are rounded to four digits, and so is the sum. The error is a
// *PruneFailedError where the clean-up says why it failed.
func ParsePruneResult(terminationMessage string) (PruneResult, error) {
	var message struct {
		Reclaimed *[]string `json:"reclaimed"`
		Error     string    `json:"error"`
	}
	if err := json.Unmarshal([]byte(terminationMessage), &message); err != nil {
		return PruneResult{}, fmt.Errorf("read the result of the clean-up: %w", err)
	}
	if message.Error != "" {
		return PruneResult{}, &PruneFailedError{Reason: message.Error}
	}
	if message.Reclaimed == nil {
		return PruneResult{}, errors.New("read the result of the clean-up: it does not say what was reclaimed")
	}
	var sum int64
	for _, text := range *message.Reclaimed {
		size, err := units.FromHumanSize(text)
		if err != nil {
			return PruneResult{}, fmt.Errorf("read the result of the clean-up: %w", err)
		}
		if size < 0 || size >= math.MaxInt64-sum {
			return PruneResult{}, fmt.Errorf("read the result of the clean-up: size out of range: %q", text)
		}
		sum += size
	}
	return PruneResult{ReclaimedBytes: sum}, nil
}

// ReadPruneLine returns what a line of prune.sh's log says: what it does or has
// removed, or, if waiting, why it does nothing yet. It is empty for all other lines.
func ReadPruneLine(line string) (text string, waiting bool) {
	if strings.HasPrefix(line, "another prune is running") {
		return line, true
	}
	command, begins := strings.CutPrefix(line, "+ ")
	if begins || strings.HasPrefix(line, "removed ") {
		return command, false
	}
	return "", false
}
