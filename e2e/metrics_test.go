//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// A Prometheus scrapes the daemon through the policy, its rules and the dashboard have what
// they ask for, and nobody else reads the metrics.
func TestMetrics(t *testing.T) {
	t.Parallel()
	monitoring := inNewNamespace(t, nil).namespace
	i := newInstallation(t, env.newest())
	options := []string{"--create-namespace", "--tls", "--metrics", "--metrics-namespace", monitoring, "--metrics-label", "release=prometheus"}
	r := i.install(t, options...)
	if strings.Contains(r.stderr, "cannot be read") {
		t.Errorf("install cannot read the metrics: %s", r.stderr)
	}
	if !podMonitorsServed(t) {
		r.says(t, "the cluster has no PodMonitors", "prometheus.io/port=9323")
	}
	daemon := i.pod(t)
	servePodMonitors(t)
	i.install(t, options...)
	equal(t, "whether there is a PodMonitor", monitored(t, i), true)
	equal(t, "the pod after a PodMonitor was created", i.pod(t).UID, daemon.UID)
	i.settle(t)

	direct := daemon.Status.PodIP + ":9323"
	objects := monitoringObjects(t, i, options...)
	p := startPrometheus(t, monitoring, direct, map[string]string{"namespace": i.namespace, "pod": daemon.Name}, objects.rules)
	stranger, neighbour := startCaller(t, inNewNamespace(t, nil).namespace, nil), startCaller(t, i.namespace, nil)
	friend := startCaller(t, monitoring, nil)
	awaitReached(t, friend, direct)
	awaitEnforced(t, stranger, direct)
	for _, one := range []struct {
		name string
		from *corev1.Pod
		to   string
	}{
		{"a pod in another namespace", stranger, direct},
		{"a pod in the daemon's namespace, which is not that of the metrics", neighbour, direct},
		{"a pod in the namespace of the metrics, the daemon", friend, daemon.Status.PodIP + ":2376"},
		{"a pod in the namespace of the metrics, dockerd's own metrics", friend, daemon.Status.PodIP + ":9324"},
	} {
		if reaches(t, one.from, one.to) {
			t.Errorf("%s: was reached", one.name)
		}
	}

	succeed(t, i.command("prune-now")...)
	run := awaitService + "docker run --rm " + baseImage + " true"
	runPod(t, i.namespace, withSecret(jobPod(i.image, i.variables, run), clientSecret, "/certs/client")).want(t)
	eventually(t, "the guard to have measured the prune", func(context.Context) (bool, error) {
		return len(p.query(t, "dindctl_prune_last_end_timestamp_seconds and on (pod) engine_daemon_container_actions_seconds_count")) > 0, nil
	})
	if s := statusOf(t, i); !s.Healthy || len(s.Problems) > 0 {
		t.Errorf("problems: %+v", s.Problems)
	}
	equal(t, "up", slices.Collect(maps.Values(p.query(t, "dindctl_up"))), []string{"1"})
	for title, expression := range objects.expressions {
		expression = strings.NewReplacer("$namespace", i.namespace, "$name", ".*").Replace(expression)
		// Rates need two samples.
		eventually(t, "series of "+title, func(context.Context) (bool, error) { return len(p.query(t, expression)) > 0, nil })
	}
	rulesWork(t, p)
	equal(t, "builds of the classic builder, which BuildKit does not count", p.query(t, `{__name__=~"builder_.*"}`), map[string]string{})
	sameMetrics(t, p, succeed(t, i.command("status", "-o", "prometheus")...).stdout)

	i.install(t, "--tls").says(t, "--metrics was used by the last install and is dropped")
	if monitored(t, i) || len(i.pod(t).Spec.InitContainers) > 0 {
		t.Error("the PodMonitor or the container for metrics is still there")
	}
	i.install(t, options...)
	succeed(t, i.command("uninstall", "--yes")...)
	if monitored(t, i) {
		t.Error("the PodMonitor is still there after uninstall")
	}
}

// An image without BusyBox's nc does not serve metrics, and says so. Its daemon works.
func TestMetricsWithoutServer(t *testing.T) {
	t.Parallel()
	image := env.images[0]
	i := newInstallation(t, image)
	r := i.install(t, "--create-namespace", "--metrics")
	daemon := i.pod(t)
	if _, _, err := tryInPod(t.Context(), t, daemon, "sh", "-c", "command -v nc"); err == nil {
		t.Skip("each image has nc")
	}
	r.says(t, "cannot be read", "its image needs BusyBox's nc")
	for _, text := range []string{"The metrics cannot be read: ", "its image needs BusyBox's nc"} {
		contains(t, "status", succeed(t, i.command("status")...).stdout, text)
	}
	eventually(t, "the log to say so", func(ctx context.Context) (bool, error) {
		log, err := env.cluster.CoreV1().Pods(i.namespace).GetLogs(daemon.Name, &corev1.PodLogOptions{Container: "metrics"}).DoRaw(ctx)
		return strings.Contains(string(log), "does not serve the metrics"), err
	})
	i.job(t, "docker run --rm "+baseImage+" true").want(t)
	if now := i.pod(t); now.UID != daemon.UID || !podReady(now) {
		t.Errorf("the pod is %+v", now.Status)
	}
}

// observed is what `dindctl manifests --metrics` prints for Prometheus and Grafana.
type observed struct {
	rules       []byte
	expressions map[string]string // of the dashboard, by the panel's title
}

func monitoringObjects(t *testing.T, i *installation, options ...string) observed {
	t.Helper()
	options = slices.DeleteFunc(slices.Clone(options), func(o string) bool { return o == "--create-namespace" })
	manifests := succeed(t, i.command("manifests", options...)...).stdout
	found := observed{expressions: map[string]string{}}
	for _, document := range regexp.MustCompile(`(?m)^---\n`).Split(manifests, -1) {
		var object struct {
			Kind     string
			Metadata metav1.ObjectMeta
			Spec     json.RawMessage
			Data     map[string]string
		}
		must(t, yaml.Unmarshal([]byte(document), &object))
		switch {
		case object.Kind == "PrometheusRule":
			found.rules = object.Spec
		case object.Metadata.Labels["grafana_dashboard"] != "":
			var dashboard struct {
				Panels []struct {
					Title   string
					Targets []struct{ Expr string }
				}
			}
			must(t, json.Unmarshal([]byte(object.Data["dindctl.json"]), &dashboard))
			for _, panel := range dashboard.Panels {
				for _, target := range panel.Targets {
					found.expressions[panel.Title+": "+target.Expr] = target.Expr
				}
			}
		}
	}
	return found
}

// rulesWork checks that Prometheus evaluates each rule, and that nothing is wrong.
func rulesWork(t *testing.T, p prometheus) {
	t.Helper()
	var data struct {
		Groups []struct {
			Rules []struct{ Name, Health, State, LastError string }
		}
	}
	eventually(t, "Prometheus to evaluate the rules", func(context.Context) (bool, error) {
		p.ask(t, "rules", &data)
		return len(data.Groups) == 1 && !slices.ContainsFunc(data.Groups[0].Rules, func(r struct{ Name, Health, State, LastError string }) bool { return r.Health == "unknown" }), nil
	})
	for _, rule := range data.Groups[0].Rules {
		if rule.Health != "ok" || rule.State == "firing" {
			t.Errorf("rule %+v", rule)
		}
	}
}

// sameMetrics compares the metrics that both the pod and status have.
func sameMetrics(t *testing.T, p prometheus, status string) {
	t.Helper()
	compared := 0
	for _, sample := range regexp.MustCompile(`(?m)^(dindctl_\w+){([^}]*)} (\S+)$`).FindAllStringSubmatch(status, -1) {
		name, value := sample[1], sample[3]
		if !slices.Contains([]string{"dindctl_disk_size_bytes", "dindctl_cache_limit_bytes", "dindctl_up", "dindctl_draining", "dindctl_certificate_expiry_timestamp_seconds"}, name) || strings.Contains(sample[2], "client") {
			continue
		}
		compared++
		for _, scraped := range p.query(t, name) {
			if got[float64](t)(strconv.ParseFloat(scraped, 64)) != got[float64](t)(strconv.ParseFloat(value, 64)) {
				t.Errorf("%s is %s in the pod and %s in status", name, scraped, value)
			}
		}
	}
	equal(t, "metrics that both have", compared, 5)
}
