package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/dind"
)

// replicaCPU is the limit of each replica, so that their number is what counts and not the
// machine's processors.
const replicaCPU = "500m"

// routed has what projects measured that chose their replicas in one way.
type routed struct {
	Route           string  `json:"route"`
	Replicas        int     `json:"replicas"`
	Projects        int     `json:"projects"`
	BuildsPerMinute float64 `json:"buildsPerMinute"` // of the second round
	Cached          float64 `json:"cached"`          // the share of the second round
	Failed          int     `json:"failed"`
	ChoosingSeconds float64 `json:"choosingSeconds"` // the mean of a job
	// FailoverSeconds is how long a job took that began when its replica's pod was deleted.
	FailoverSeconds float64 `json:"failoverSeconds,omitempty"`
}

// replicasScript is a job's script. Its first comment describes its input and output.
//
//go:embed replicas.sh
var replicasScript string

// replicas measures one, two and three replicas, and three with other ways to choose.
func (s setting) replicas(ctx context.Context) (all []routed, err error) {
	projects := 36
	if s.runs < enoughRuns {
		projects = 12
	}
	for _, r := range []routed{
		{Route: "key", Replicas: 1}, {Route: "key", Replicas: 2}, {Route: "key", Replicas: 3},
		{Route: "random", Replicas: 3}, {Route: "buildx", Replicas: 3}, {Route: "service", Replicas: 3},
	} {
		r.Projects = projects
		fmt.Fprintf(os.Stderr, "bench: %d replicas, by %s\n", r.Replicas, r.Route)
		err := s.inNamespace(ctx, func(a arena) error { return a.route(ctx, &r) })
		if err != nil {
			return nil, fmt.Errorf("%d replicas, by %s: %w", r.Replicas, r.Route, err)
		}
		all = append(all, r)
	}
	return all, nil
}

func (a arena) route(ctx context.Context, r *routed) error {
	image := engines()[len(engines())-1]
	if err := a.install(ctx, image, "--replicas", strconv.Itoa(r.Replicas), "--cpu-request", "100m", "--cpu-limit", replicaCPU); err != nil {
		return err
	}
	choose, err := a.run(ctx, a.dindctl, "env", "-n", a.namespace, "--format", "shell")
	if err != nil {
		return err
	}
	env := map[string]string{
		"CHOOSE": choose + "\ndindctl_wait", "ROUTE": r.Route, "PROJECTS": strconv.Itoa(r.Projects),
		"REPLICAS": strconv.Itoa(r.Replicas), "NAME": dind.DefaultName, "NAMESPACE": a.namespace, "CPU": replicaCPU,
	}
	job := buildPod{image: image, script: replicasScript, registry: a.registry, env: env}
	if r.Route == "service" {
		return a.byService(ctx, job, r)
	}
	if r.Route == "buildx" {
		if err := a.allowBuildx(ctx); err != nil {
			return err
		}
		job.token = true
	}
	log, err := a.runJob(ctx, job)
	if err == nil {
		err = r.read(log)
	}
	if err != nil || r.Route != "key" || r.Replicas == 1 {
		return err
	}
	return a.failover(ctx, buildPod{image: image, script: choose + "export DINDCTL_KEY=0\ndindctl_wait\nprintf 'FROM busybox:1.37\\nRUN true\\n' | docker build -q -\n"}, r)
}

// byService sends the projects' jobs, one after the other, to one Service for all replicas
// that keeps a client at one of them by its address. Each job has its own pod, as in CI.
func (a arena) byService(ctx context.Context, job buildPod, r *routed) error {
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "all"},
		Spec: corev1.ServiceSpec{
			Selector:        map[string]string{dind.NameLabel: dind.NameValue, dind.ComponentLabel: dind.DaemonComponent},
			Ports:           []corev1.ServicePort{{Port: dind.PlainPort}},
			SessionAffinity: corev1.ServiceAffinityClientIP,
		},
	}
	if _, err := a.client.CoreV1().Services(a.namespace).Create(ctx, service, metav1.CreateOptions{}); err != nil {
		return err
	}
	r.Projects = min(r.Projects, 12)
	cached, began := 0, time.Now()
	for round := range 2 {
		began = time.Now()
		for n := range r.Projects {
			log, err := a.runJob(ctx, buildPod{image: job.image, script: fmt.Sprintf(`export DOCKER_HOST=tcp://all.%s.svc:2375
printf 'FROM busybox:1.37\nRUN echo dependencies of %d are $(echo made)\n' | docker build --progress=plain - 2>&1`, a.namespace, n)})
			if err != nil {
				return err
			}
			if round == 1 && !strings.Contains(log, "are made") {
				cached++
			}
		}
	}
	r.Cached, r.BuildsPerMinute = float64(cached)/float64(r.Projects), float64(r.Projects)/time.Since(began).Minutes()
	return nil
}

// buildxRole is the ClusterRole that allowBuildx gives.
const buildxRole = "edit"

// allowBuildx gives the jobs what buildx's Kubernetes driver needs: they create Deployments
// and run commands in their pods.
func (a arena) allowBuildx(ctx context.Context) error {
	_, err := a.client.RbacV1().RoleBindings(a.namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "buildx"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: buildxRole},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: a.namespace, Name: "default"}},
	}, metav1.CreateOptions{})
	return err
}

// failover deletes the pod of a project's replica, and measures the project's next job.
func (a arena) failover(ctx context.Context, job buildPod, r *routed) error {
	if _, err := a.runJob(ctx, job); err != nil {
		return err
	}
	home := dind.Ranking(dind.DefaultName, "0", r.Replicas)[0]
	if _, err := a.run(ctx, a.kubectl, "delete", "pod", "-n", a.namespace, "-l", "app="+home, "--wait=false"); err != nil {
		return err
	}
	began := time.Now()
	_, err := a.runJob(ctx, job)
	r.FailoverSeconds = time.Since(began).Seconds()
	return err
}

var routedLine = regexp.MustCompile(`(?m)^measured: hundredths=(\d+) cached=(\d+) failed=(\d+) milliseconds=(\d+)$`)

// read reads what the job measured from its log.
func (r *routed) read(log string) error {
	match := routedLine.FindStringSubmatch(log)
	if match == nil {
		return errors.New("the job measured nothing:\n" + log)
	}
	var numbers [4]float64
	for n := range numbers {
		number, err := strconv.ParseFloat(match[n+1], 64)
		if err != nil {
			return err
		}
		numbers[n] = number
	}
	projects := float64(r.Projects)
	r.BuildsPerMinute, r.Cached = projects*6000/numbers[0], numbers[1]/projects
	r.Failed, r.ChoosingSeconds = int(numbers[2]), numbers[3]/1000
	return nil
}

// writeReplicas adds the section to a table.
func writeReplicas(table io.Writer, all []routed) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(table, "\nper minute\tfrom the cache\tfailed\tchoosing\tfailover\t  replicas\n")
	for _, r := range all {
		fmt.Fprintf(table, "%.0f\t%.0f%%\t%d\t%.2f s\t%.1f s\t  %d, by %s\n", r.BuildsPerMinute, 100*r.Cached, r.Failed, r.ChoosingSeconds, r.FailoverSeconds, r.Replicas, r.Route)
	}
}
