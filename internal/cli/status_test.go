package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
)

// alter changes an object in the cluster.
func alter[T runtime.Object](t *testing.T, w *world, group, resource, name string, change func(T)) {
	t.Helper()
	gvr := appsv1.SchemeGroupVersion.WithResource(resource)
	gvr.Group = group
	clustertest.Change(t, w.Server, gvr, name, change)
}

// lastPrune adds a prune Job that ran two days ago.
func lastPrune(w *world, state batchv1.JobConditionType) {
	began, phase, message := noon.Add(-50*time.Hour), corev1.PodSucceeded, ""
	if state == batchv1.JobFailed {
		phase, message = corev1.PodFailed, `{"error":"the disk is on fire"}`
	}
	job, pod := clustertest.PruneRun("docker-dind", began)
	clustertest.End(job, pod, state, phase, message)
	job.Status.StartTime = new(metav1.NewTime(began))
	job.Status.Conditions[0].LastTransitionTime = metav1.NewTime(began.Add(83 * time.Second))
	w.Add(job, pod)
}

func TestStatus(t *testing.T) {
	tests := []struct {
		name   string
		args   []string
		exec   string
		damage func(*testing.T, *world)
		code   int
	}{
		{"healthy", nil, clustertest.StatOutput + fmt.Sprintf("P|%d|1500000000\n", noon.Add(-50*time.Hour+2*time.Minute).Unix()), func(_ *testing.T, w *world) { lastPrune(w, batchv1.JobComplete) }, 0},
		{"partly-known", nil, "", func(_ *testing.T, w *world) { lastPrune(w, batchv1.JobFailed) }, 0},
		{"daemon-down", nil, clustertest.StatOutput, func(_ *testing.T, w *world) { w.engine.Refuse = errDown }, 3},
		{"not-ready", nil, clustertest.StatOutput, func(t *testing.T, w *world) {
			alter(t, w, "apps", "deployments", "docker-dind", func(d *appsv1.Deployment) { d.Status.AvailableReplicas = 0 })
			alter(t, w, "", "pods", "docker-dind-abc-1", func(p *corev1.Pod) {
				p.Status = corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{
					Name:  dind.ContainerName,
					State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "not found\x1b[2J"}},
				}}}
			})
		}, 3},
		{"missing-service", []string{"--prune-schedule", "none", "--no-network-policy"}, clustertest.StatOutput, func(t *testing.T, w *world) {
			if err := w.Tracker().Delete(corev1.SchemeGroupVersion.WithResource("services"), "ci", "docker-dind"); err != nil {
				t.Fatal(err)
			}
		}, 3},
		{"leftovers", nil, clustertest.StatOutput, func(_ *testing.T, w *world) {
			w.engine.Left = daemon.Leftovers{
				Containers: append(clustertest.Running(noon.Add(-75*time.Hour), "a", "b"), clustertest.Running(noon.Add(-3*time.Hour), "c", "d", "e")...),
				Builders:   clustertest.Running(noon.Add(-time.Hour), "buildx_buildkit_mine0"),
				Networks:   []daemon.Leftover{{Name: "app_default", Created: noon}, {Name: "job_default", Created: noon}},
			}
		}, 0},
		{"suspended", nil, clustertest.StatOutput, func(t *testing.T, w *world) {
			alter(t, w, "batch", "cronjobs", "docker-dind-clear-cache", func(c *batchv1.CronJob) { c.Spec.Suspend = new(true) })
		}, 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := installedWorld(t, test.args...)
			w.withExec(t, test.exec)
			test.damage(t, w)
			printed := map[string]string{}
			for _, as := range []string{"text", "json", "yaml", "prometheus"} {
				code, stdout, stderr := w.run(t, "status", "-o", as)
				if code != test.code || stderr != "" {
					t.Errorf("%s: code %d, stderr %q", as, code, stderr)
				}
				printed[as] = stdout
			}
			golden(t, "status-"+test.name, printed["text"])
			golden(t, "status-"+test.name+".json", printed["json"])
			golden(t, "status-"+test.name+".prom", printed["prometheus"])
			if problems, err := promlint.New(strings.NewReader(printed["prometheus"])).Lint(); err != nil || len(problems) > 0 {
				t.Errorf("metrics: %v, %v", problems, err)
			}
			if asJSON, err := yaml.YAMLToJSON([]byte(printed["yaml"])); err != nil || compact(t, asJSON) != compact(t, []byte(printed["json"])) {
				t.Errorf("YAML and JSON differ (%v):\n%s", err, printed["yaml"])
			}
		})
	}
}

// compact returns a JSON document with sorted keys and no whitespace.
func compact(t *testing.T, document []byte) string {
	t.Helper()
	var value any
	if err := json.Unmarshal(document, &value); err != nil {
		t.Fatal(err)
	}
	encoded, _ := json.Marshal(value)
	return string(encoded)
}

func TestStatusInColor(t *testing.T) {
	w := installedWorld(t)
	w.withExec(t, clustertest.StatOutput)
	w.engine.Refuse = errDown
	_, plain, _ := w.run(t, "status")
	w.streams.OutColor = true
	_, colored, _ := w.run(t, "status")
	if !strings.Contains(colored, "\x1b[31munhealthy\x1b[0m") || !strings.Contains(colored, "\x1b[31m✗\x1b[0m") {
		t.Errorf("got %q", colored)
	}
	for _, code := range []string{"\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"} {
		colored = strings.ReplaceAll(colored, code, "")
	}
	if colored != plain {
		t.Errorf("the colored text differs:\n%s\n%s", colored, plain)
	}
	if _, stdout, _ := w.run(t, "status", "--no-color"); stdout != plain {
		t.Errorf("--no-color: got %q", stdout)
	}
}

func TestStatusNotInstalled(t *testing.T) {
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "docker-dind-data", Labels: dind.Labels("docker-dind")}}
	tests := []struct {
		name  string
		exist []runtime.Object
		want  string
	}{
		{"no objects", nil, "error: docker-dind is not installed in namespace ci\nnext: run `dindctl install`, or select another installation with -n and --name\n"},
		{"only the claim", []runtime.Object{claim}, "error: docker-dind is not installed in namespace ci (its cache volume, claim docker-dind-data, still exists)\n" +
			"next: `dindctl install` reuses the volume; `dindctl uninstall --delete-data` deletes it\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			code, stdout, stderr := newWorld(t, test.exist...).run(t, "status")
			if code != 4 || stdout != "" || stderr != test.want {
				t.Errorf("got %d, %q, %q", code, stdout, stderr)
			}
		})
	}
}

// status --watch refreshes every five seconds until it is interrupted.
func TestStatusWatch(t *testing.T) {
	watch := func(t *testing.T, w *world, args ...string) (code int, stdout, stderr string) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(12*time.Second, cancel)
		return w.runUnder(ctx, append([]string{"dindctl", "status", "--watch"}, args...)...)
	}
	const missing = "docker-dind is not installed in namespace ci\n"
	t.Run("text", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			code, stdout, stderr := watch(t, newWorld(t))
			if code != 130 || stdout != missing+"\n"+missing+"\n"+missing || stderr != "" {
				t.Errorf("got %d, %q, %q", code, stdout, stderr)
			}
		})
	})
	t.Run("on a terminal", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.streams.OutTerminal = true
			_, stdout, _ := watch(t, w)
			if n := strings.Count(stdout, "\x1b[H"+strings.TrimSuffix(missing, "\n")+"\x1b[K\n\x1b[J"); n != 3 {
				t.Errorf("%d frames: %q", n, stdout)
			}
		})
	})
	t.Run("json", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, stdout, stderr := watch(t, newWorld(t), "-o", "json")
			documents := json.NewDecoder(strings.NewReader(stdout))
			n := 0
			for ; documents.More(); n++ {
				var document struct{ Error failure }
				if err := documents.Decode(&document); err != nil || document.Error.Code != 4 {
					t.Fatalf("%v, %+v", err, document)
				}
			}
			if n != 3 || stderr != "" {
				t.Errorf("%d documents, stderr %q", n, stderr)
			}
		})
	})
	t.Run("yaml", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, stdout, _ := watch(t, newWorld(t), "-o", "yaml")
			if n := strings.Count(stdout, "---\n"); n != 2 {
				t.Errorf("%d separators: %s", n, stdout)
			}
		})
	})
}
