package dind

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// liveCronJob returns the default CronJob as the API server returns it.
func liveCronJob(t *testing.T) *batchv1.CronJob {
	t.Helper()
	manifests, err := mustBuild(t, installation{options: Defaults()}).YAML()
	if err != nil {
		t.Fatal(err)
	}
	cron := decode(t, manifests).cronJob
	cron.UID = "uid-1"
	return cron
}

func TestPruneJob(t *testing.T) {
	for _, test := range []struct {
		name                  string
		overrides             PruneOverrides
		unusedFor, keep       string
		wantOption, wantWords string
	}{
		{name: "as scheduled", unusedFor: "168h"},
		{name: "everything", overrides: PruneOverrides{All: true}, unusedFor: "0"},
		{name: "days", overrides: PruneOverrides{UnusedFor: "2d"}, unusedFor: "48h"},
		{name: "keeping cache", overrides: PruneOverrides{KeepStorage: "20GB"}, unusedFor: "168h", keep: "20000000000"},
		{name: "keeping cache, binary", overrides: PruneOverrides{UnusedFor: "1h", KeepStorage: "1Gi"}, unusedFor: "1h", keep: "1073741824"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := test.overrides.Validate(); err != nil {
				t.Fatal(err)
			}
			cron := liveCronJob(t)
			cron.Spec.JobTemplate.Annotations = map[string]string{"team": "ci"}
			before := cron.DeepCopy()
			job := PruneJob(cron, test.overrides, "manual-x7k2p")
			if diff := cmp.Diff(before, cron); diff != "" {
				t.Errorf("PruneJob changed the CronJob:\n%s", diff)
			}
			env := map[string]string{}
			for _, v := range job.Spec.Template.Spec.Containers[0].Env {
				if _, again := env[v.Name]; again {
					t.Errorf("%s is set twice", v.Name)
				}
				env[v.Name] = v.Value
			}
			want := map[string]string{"DOCKER_HOST": "tcp://docker-dind.default.svc:2375", "DOCKER_TLS_CERTDIR": "", "HOME": "/tmp", unusedForEnv: test.unusedFor}
			if test.keep != "" {
				want[keepStorageEnv] = test.keep
			}
			if test.overrides.UnusedFor+test.overrides.KeepStorage != "" {
				want[cacheNowEnv] = "1"
			}
			if diff := cmp.Diff(want, env); diff != "" {
				t.Errorf("environment (-want +got):\n%s", diff)
			}
			terms, err := ReadPruneTerms(job)
			if wantFor, _ := time.ParseDuration(test.unusedFor); err != nil || terms.UnusedFor != wantFor || strconv.FormatInt(terms.KeepBytes, 10) != max(test.keep, "0") || terms.CacheNow != (test.overrides != PruneOverrides{}) {
				t.Errorf("terms: %+v, %v", terms, err)
			}
			wantMeta := metav1.ObjectMeta{
				Namespace: "default", Name: "docker-dind-clear-cache-manual-x7k2p",
				Labels:      before.Spec.JobTemplate.Labels,
				Annotations: map[string]string{"team": "ci", "cronjob.kubernetes.io/instantiate": "manual"},
				OwnerReferences: []metav1.OwnerReference{{
					APIVersion: "batch/v1", Kind: "CronJob", Name: "docker-dind-clear-cache", UID: "uid-1", Controller: new(true)}},
			}
			if diff := cmp.Diff(wantMeta, job.ObjectMeta); diff != "" {
				t.Errorf("metadata (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPruneJobOfAnotherCronJob(t *testing.T) {
	cron := liveCronJob(t)
	cron.Spec.JobTemplate.Spec.Template.Spec.Containers[0].Name = "other"
	job := PruneJob(cron, PruneOverrides{All: true}, "x")
	if diff := cmp.Diff(cron.Spec.JobTemplate.Spec, job.Spec); diff != "" {
		t.Errorf("PruneJob changed the container of another CronJob:\n%s", diff)
	}
	if _, err := ReadPruneTerms(job); err == nil {
		t.Error("ReadPruneTerms returns no error")
	}
}

func TestJobName(t *testing.T) {
	long := strings.Repeat("a", 40) + "-clear-cache"
	for _, test := range []struct{ cron, suffix, want string }{
		{"docker-dind-clear-cache", "x", "docker-dind-clear-cache-x"},
		{long, "0123456789", long + "-0123456789"},
		{long, "manual-0123456789", strings.Repeat("a", 40) + "-clea-manual-0123456789"},
		{strings.Repeat("a", 39) + "-clear-cache", "manual-0123456-01234567", strings.Repeat("a", 39) + "-manual-0123456-01234567"},
	} {
		got := jobName(test.cron, test.suffix)
		if want := test.want; want != got && len(got) != len(want) || len(got) > 63 || strings.Contains(got, "--") || !strings.HasSuffix(got, "-"+test.suffix) {
			t.Errorf("jobName(%q, %q) = %q (%d), want %q", test.cron, test.suffix, got, len(got), test.want)
		}
	}
}

func TestPruneOverridesValidate(t *testing.T) {
	for _, test := range []struct {
		name      string
		overrides PruneOverrides
		want      []complaint
	}{
		{"none", PruneOverrides{}, nil},
		{"all, but keep some cache", PruneOverrides{All: true, KeepStorage: "1GB"}, nil},
		{"an invalid age", PruneOverrides{UnusedFor: "week"}, []complaint{{"--unused-for", "not a duration"}}},
		{"all and an age", PruneOverrides{All: true, UnusedFor: "1h"}, []complaint{{"--unused-for", "no effect"}}},
		{"an invalid size", PruneOverrides{KeepStorage: "75%"}, []complaint{{"--keep-storage", "not a size"}}},
	} {
		t.Run(test.name, func(t *testing.T) { checkComplaints(t, test.overrides.Validate(), test.want) })
	}
}

func TestPruneFailure(t *testing.T) {
	for message, want := range map[string]string{
		`{"error":"disk on fire"}`: "disk on fire",
		`{"reclaimed":["1.2GB"]}`:  "", // of an earlier dindctl
		"":                         "",
		"dindctl: a log":           "",
		`{"error":1}`:              "",
	} {
		if got := PruneFailure(message); got != want {
			t.Errorf("PruneFailure(%q) = %q", message, got)
		}
	}
}
