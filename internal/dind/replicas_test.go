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

// Another replica has names of its own, prefers another node, prunes at another minute, and
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
			t.Errorf("%s: the replica has certificates of its own", *object.GetName())
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

// The script chooses the replica that Ranking names first, and the next one while that takes
// no new jobs. It leaves another daemon alone, and never fails.
func TestJobReplicasScript(t *testing.T) {
	o := Options{Namespace: "ci", Name: "d", Replicas: "3", PublishPorts: "20000-20999"}
	script := AccessTo(o).Script
	ranking := Ranking("d", "4711", 3)
	building := func(name, then string) string { return "dindctl: this project builds on " + name + then + "\n" }
	host := func(name string) string { return "tcp://" + name + ".ci.svc:2375" }
	const told = "dindctl: no Docker daemon takes new jobs at the moment; waiting for at most 5 minutes\n"
	for _, test := range []struct {
		name string
		env  []string
		away string // the names that do not answer, or do not resolve
		want string // DOCKER_HOST in the end
		says string
	}{
		{"home", nil, "", host(ranking[0]), building(ranking[0], "")},
		{"home drains", nil, ranking[0] + "." + ranking[0] + "-pods", host(ranking[1]), building(ranking[1], ", because "+ranking[0]+" takes no new jobs at the moment")},
		{"home is gone", nil, "hang:" + ranking[0] + ".ci", host(ranking[1]), building(ranking[1], ", because "+ranking[0]+" takes no new jobs at the moment")},
		{"a pin", []string{"DINDCTL_REPLICA=" + ranking[2]}, "", host(ranking[2]), building(ranking[2], "")},
		{"a pin by its number", []string{"DINDCTL_REPLICA=" + strings.TrimPrefix("0"+strings.TrimPrefix(ranking[1], "d"), "0-")}, "", host(ranking[1]), building(ranking[1], "")},
		{"a pin that does not exist", []string{"DINDCTL_REPLICA=9"}, "", host(ranking[0]), "dindctl: there is no replica d-9\n" + building(ranking[0], "")},
		{"a key", []string{"DINDCTL_KEY=a/b"}, "", host(Ranking("d", "a/b", 3)[0]), building(Ranking("d", "a/b", 3)[0], "")},
		{"another daemon", []string{"DOCKER_HOST=tcp://docker:2375"}, "", "tcp://docker:2375", ""},
		{"none answers", nil, "-pods", host("d"), told + "dindctl: no Docker daemon has taken new jobs for 5 minutes; continuing without waiting\n"},
	} {
		for name, shell := range jobShells(t) {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := newBox(t)
				b.write("away", test.away)
				b.stub("docker", `host=${2#tcp://}
away=$(cat "$BOX/away")
case $host in d.*|d-1.*|d-2.*) ;; *) echo "error during connect: lookup ${host%:*} on 10.96.0.10:53: no such host" >&2; exit 1 ;; esac
case $host in
*"${away#hang:}"*) [ -z "$away" ] || case $away in hang:*) exit 124 ;; *) echo "lookup: no such host" >&2; exit 1 ;; esac ;;
esac`)
				b.write("clock", "1000")
				b.write("bin/date", "#!/bin/sh\nread -r now <\"$BOX/clock\"; echo $((now + 200)) >\"$BOX/clock\"; echo \"$now\"\n")
				env := append([]string{"BOX=" + b.root, "DOCKER_HOST=" + host("d"), "CI_PROJECT_ID=4711", "GITHUB_ENV=" + b.root + "/github"}, test.env...)
				got := b.run(shell, env, "-c", jobOptions+b.move(script)+"\necho \"$DOCKER_HOST\"")
				if got.code != 0 || got.stdout != test.want+"\n" || got.stderr != test.says {
					t.Errorf("got %+v", got)
				}
				chosen := strings.Contains(test.says, "builds on")
				if github := b.read("github"); strings.Contains(github, "DOCKER_HOST="+test.want) != chosen || strings.Contains(github, "TESTCONTAINERS_HOST_OVERRIDE=") != chosen {
					t.Errorf("GITHUB_ENV has %q", github)
				}
			})
		}
	}
	if all := strings.Join(replicaNames("d"), " "); !strings.Contains(script, all) {
		t.Errorf("the script does not rank %s", all)
	}
	if strings.Contains(AccessTo(Options{Namespace: "ci", Name: "d", Replicas: "2"}).Script, "TESTCONTAINERS_HOST_OVERRIDE=\"") {
		t.Error("without published ports the script sets where they are")
	}
	if more := (Options{Namespace: "ci", Name: "d", Replicas: "8", PublishPorts: "20000-20999"}); AccessTo(more).Script != script {
		t.Error("the script depends on the number of replicas")
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
