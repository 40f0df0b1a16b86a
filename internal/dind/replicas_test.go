package dind

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func build(t *testing.T, o Options) Objects {
	t.Helper()
	objects, err := Build(o, Live{})
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func yamlOf(t *testing.T, o Options) []byte {
	t.Helper()
	text, err := build(t, o).YAML()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The first replica is what an installation with one daemon is, but for the options that the
// Deployment remembers: its pod does not restart.
func TestFirstReplica(t *testing.T) {
	one, single, three := Defaults(), Defaults(), Defaults()
	single.Replicas, three.Replicas = "1", "3"
	if !bytes.Equal(yamlOf(t, one), yamlOf(t, single)) {
		t.Error("--replicas 1 changes the objects")
	}
	want := strings.Replace(string(yamlOf(t, one)), "dindctl/options: '{}'", `dindctl/options: '{"replicas":"3"}'`, 1)
	if diff := cmp.Diff(want, string(yamlOf(t, three.Replica(0)))); diff != "" {
		t.Error(diff)
	}
}

// Another replica has its own names, prefers another node, prunes at another minute, and
// shares the certificates.
func TestOtherReplica(t *testing.T) {
	o := Defaults()
	o.Name, o.Replicas, o.LocalPath, o.LocalNode, o.TLS = "d", "2", "/mnt/docker", "a,b", true
	objects := build(t, o.Replica(1))
	for _, object := range objects {
		if name := *object.GetName(); name != "d-1" && !strings.HasPrefix(name, "d-1-") && name != "default-d-1-data" && *object.GetKind() != "StorageClass" {
			t.Errorf("%s %s has the name of another replica", *object.GetKind(), name)
		}
		if *object.GetKind() == "Secret" {
			t.Errorf("%s: the replica has its own certificates", *object.GetName())
		}
	}
	deployment, err := objects.deployment()
	if err != nil {
		t.Fatal(err)
	}
	cron, err := objects.cronJob()
	if err != nil {
		t.Fatal(err)
	}
	pod := deployment.Spec.Template.Spec
	spread := pod.Affinity.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution[0].PodAffinityTerm
	selector, err := metav1.LabelSelectorAsSelector(spread.LabelSelector)
	if err != nil || spread.TopologyKey != "kubernetes.io/hostname" {
		t.Errorf("%+v: %v", spread, err)
	}
	first, err := build(t, o).deployment()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []*appsv1.Deployment{first, deployment} {
		if labels := d.Spec.Template.Labels; !selector.Matches(labelSet(labels)) {
			t.Errorf("a replica may share a node with the pod that has %v", labels)
		}
	}
	if secret := pod.Volumes[len(pod.Volumes)-1].Secret; secret == nil || secret.SecretName != "d-server-tls" {
		t.Errorf("the certificates are from %+v", pod.Volumes)
	}
	if cron.Spec.Schedule != "7 0 * * 0" {
		t.Errorf("it prunes at %s", cron.Spec.Schedule)
	}
	if !strings.Contains(string(yamlOf(t, o.Replica(1))), "- b\n") || ReplicaOf(deployment) != "d" {
		t.Errorf("it is on another node, or labelled %v", deployment.Labels)
	}
	if remembered, known := Remembered(deployment); !known || remembered.ReplicaOf != "d" || remembered.ReplicaCount() != 1 {
		t.Errorf("remembered %+v", remembered)
	}
}

type labelSet map[string]string

func (s labelSet) Has(label string) bool              { _, has := s[label]; return has }
func (s labelSet) Get(label string) string            { return s[label] }
func (s labelSet) Lookup(label string) (string, bool) { value, has := s[label]; return value, has }

// A replica does not become an installation by accident, nor the other way round, and the
// number of replicas is not lost.
func TestReplicasAgainstTheCluster(t *testing.T) {
	three := Defaults()
	three.Name, three.Replicas = "d", "3"
	live := func(o Options) *appsv1.Deployment {
		deployment, err := build(t, o).deployment()
		if err != nil {
			t.Fatal(err)
		}
		deployment.Namespace = o.Namespace
		return deployment
	}
	one, member := three, three.Replica(1)
	one.Replicas = ""
	alone := one
	alone.Name = "d-1"
	for _, test := range []struct {
		name string
		o    Options
		live *appsv1.Deployment
		want string
	}{
		{"more", three, live(one), ""},
		{"again", three, live(three), ""},
		{"a replica again", member, live(member), ""},
		{"forgotten", one, live(three), `--replicas: is missing, but this installation has 3 replicas`},
		{"a replica by its name", alone, live(member), `--name "d-1": is a replica of d`},
		{"a replica in place of an installation", member, live(alone), `--replicas: needs the name d-1, which another installation has`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			if _, err := Build(test.o, Live{Deployment: test.live}); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %q", got)
			}
		})
	}
}

func keys(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = strconv.Itoa(1000 + 37*i)
	}
	return all
}

// Another replica moves no more projects than it gets, and each gets its share.
func TestRanking(t *testing.T) {
	projects := keys(1200)
	for replicas := 1; replicas <= MaxReplicas; replicas++ {
		load, moved := map[string]int{}, 0
		for _, key := range projects {
			first := Ranking("d", key, replicas)[0]
			load[first]++
			if replicas > 1 && Ranking("d", key, replicas-1)[0] != first {
				moved++
				if first != ReplicaName("d", replicas-1) {
					t.Errorf("%s moved to %s, which is not new", key, first)
				}
			}
		}
		ideal := float64(len(projects)) / float64(replicas)
		for name, n := range load {
			if math.Abs(float64(n)-ideal) > 0.2*ideal {
				t.Errorf("%d replicas: %s has %d of %d projects", replicas, name, n, len(projects))
			}
		}
		t.Logf("%d replicas: %v, %.1f%% moved, ideal %.1f%%", replicas, load, 100*float64(moved)/float64(len(projects)), 100/float64(replicas))
	}
}

// Fifty daemons and 5,000 projects, whose numbers of builds follow Zipf's law: what a set
// could be beyond MaxReplicas. The busiest daemon is as busy as its heaviest project, so
// more daemons do not help where one project is a large part of all builds.
func TestRankingOfMany(t *testing.T) {
	projects := keys(5000)
	for _, daemons := range []int{2, 4, 8, 16, 50} {
		names := make([]string, daemons)
		for n := range names {
			names[n] = ReplicaName("d", n)
		}
		load, total, moved := map[string]float64{}, 0.0, 0.0
		for n, key := range projects {
			weight := 1 / float64(n+1)
			first := rank(slices.Clone(names), key)[0]
			load[first] += weight
			total += weight
			if first == names[daemons-1] {
				moved += weight
			}
		}
		busiest := 0.0
		for _, l := range load {
			busiest = max(busiest, l)
		}
		t.Logf("%d daemons: the busiest has %.2f times the mean; the last one moved %.1f%% of all builds (ideal %.1f%%)",
			daemons, busiest/(total/float64(daemons)), 100*moved/total, 100/float64(daemons))
		if busiest > total/float64(daemons)+1/1.0+0.1*total {
			t.Errorf("%d daemons: the busiest has %.0f%% of all builds", daemons, 100*busiest/total)
		}
	}
}

// A verification of each replica has the script, and a project that ranks the replica first.
func TestVerifyJobOfReplicas(t *testing.T) {
	o := Defaults()
	o.Name, o.Replicas = "d", "3"
	for n := range 3 {
		deployment, err := build(t, o.Replica(n)).deployment()
		if err != nil {
			t.Fatal(err)
		}
		deployment.Namespace = o.Namespace
		for _, refused := range []bool{false, true} {
			job, err := VerifyJob(deployment, VerifySpec{From: "ci", Token: "t", Refused: refused})
			if err != nil {
				t.Fatal(err)
			}
			env := map[string]string{}
			for _, v := range job.Spec.Template.Spec.Containers[0].Env {
				env[v.Name] = strings.ReplaceAll(v.Value, "$$", "$")
			}
			want := map[bool]string{false: AccessTo(o).Script, true: ""}[refused]
			if env["VERIFY_SCRIPT"] != want || !refused && (Ranking("d", env["VERIFY_KEY"], 3)[0] != ReplicaName("d", n) || env["VERIFY_FIRST"] != "tcp://d.default.svc:2375") {
				t.Errorf("replica %d: %v", n, env)
			}
		}
	}
}

// A label that somebody else set makes no replica.
func TestVerifyJobOfAnotherLabel(t *testing.T) {
	deployment, err := build(t, Defaults()).deployment()
	if err != nil {
		t.Fatal(err)
	}
	deployment.Labels[ReplicaLabel] = "unrelated"
	job, err := VerifyJob(deployment, VerifySpec{From: "default", Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range job.Spec.Template.Spec.Containers[0].Env {
		if v.Name == "VERIFY_SCRIPT" {
			t.Error("the Job has the script of replicas")
		}
	}
}

func TestReplicasAreValidated(t *testing.T) {
	for _, test := range []struct {
		change func(*Options)
		want   string
	}{
		{func(o *Options) { o.Replicas = "0" }, `--replicas "0": must be a number from 1 to 8`},
		{func(o *Options) { o.Replicas = "9" }, `--replicas "9": must be a number from 1 to 8`},
		{func(o *Options) { o.Replicas = "two" }, `--replicas "two": must be a number from 1 to 8`},
		{func(o *Options) { o.Replicas = "8" }, ""},
		{func(o *Options) { o.Replicas, o.ExistingClaim = "2", "data" }, `--replicas "2": conflicts with --existing-claim`},
		{func(o *Options) { o.Replicas, o.Name = "2", strings.Repeat("d", maxNameLength-1) }, fmt.Sprintf("--name %q: is longer than 38 characters", strings.Repeat("d", maxNameLength-1))},
		{func(o *Options) { o.Replicas, o.LocalPath, o.LocalNode = "2", "/mnt/x", "a,b" }, ""},
		{func(o *Options) { o.Replicas, o.LocalPath, o.LocalNode = "2", "/mnt/x", "a" }, `--local-node "a": must have one node for each of 2 replicas`},
		{func(o *Options) { o.Replicas, o.LocalPath, o.LocalNode = "2", "/mnt/x", "a,a" }, `--local-node "a,a": must have one node for each of 2 replicas`},
		{func(o *Options) { o.LocalPath, o.LocalNode = "/mnt/x", "a,b" }, `--local-node "a,b": must have one node for each of 1 replicas`},
		{func(o *Options) { o.Replicas, o.LocalPath, o.LocalNode = "2", "/mnt/x", "a,B_" }, `--local-node "a,B_": is not a valid node name`},
	} {
		o := Defaults()
		test.change(&o)
		got := ""
		if err := o.Validate(); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
