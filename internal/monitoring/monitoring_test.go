package monitoring

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/dindctl/dindctl/internal/dind"
)

func options() dind.Options {
	o := dind.Defaults()
	o.Namespace, o.Replicas, o.Metrics, o.TLS = "ci", "2", true, true
	return o
}

// promtool runs Prometheus' own tool on the rules.
func promtool(t *testing.T, arguments ...string) {
	t.Helper()
	directory, err := exec.Command("../../hack/tools/prometheus").Output()
	if err != nil {
		t.Fatalf("promtool: %v", err)
	}
	out, err := exec.Command(filepath.Join(strings.TrimSpace(string(directory)), "promtool"), arguments...).CombinedOutput()
	if err != nil {
		t.Errorf("promtool %v: %v\n%s", arguments, err, out)
	}
}

// Each alert fires when it should, and only then.
func TestAlerts(t *testing.T) {
	directory := t.TempDir()
	rules, tests := filepath.Join(directory, "rules.yaml"), filepath.Join(directory, "tests.yaml")
	content, err := os.ReadFile("testdata/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string][]byte{rules: Alerts(options()), tests: content} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	promtool(t, "check", "rules", "--lint-fatal", rules)
	promtool(t, "test", "rules", tests)
	operations, err := os.ReadFile("../../hack/docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, alert := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(string(Alerts(options())), -1) {
		if !strings.Contains(string(content), "alertname: "+alert[1]+"\n") {
			t.Errorf("no test lets %s fire", alert[1])
		}
		if !strings.Contains(string(operations), "| "+alert[1]+" | ") {
			t.Errorf("operations.md does not say what to do on %s", alert[1])
		}
	}
}

func TestAlertsFollowOptions(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*dind.Options)
		has    bool
		text   string
	}{
		{"weekly", func(*dind.Options) {}, true, "> 691200"},
		{"daily", func(o *dind.Options) { o.PruneSchedule = "30 3 * * *" }, true, "> 172800"},
		{"on weekdays", func(o *dind.Options) { o.PruneSchedule = "0 0 * * 1-5" }, true, "> 345600"},
		{"no prune", func(o *dind.Options) { o.PruneSchedule = dind.NoSchedule }, false, "DindNotPruned"},
		{"no TLS", func(o *dind.Options) { o.TLS = false }, false, "DindCertificateExpires"},
		{"two replicas", func(*dind.Options) {}, true, `name=~"docker-dind(-[1-1])?"`},
		{"one replica", func(o *dind.Options) { o.Replicas = "" }, true, `name=~"docker-dind"`},
		{"one replica", func(o *dind.Options) { o.Replicas = "" }, false, "docker-dind-1"},
	} {
		o := options()
		test.change(&o)
		if has := strings.Contains(string(Alerts(o)), test.text); has != test.has {
			t.Errorf("%s: has %s: %v", test.name, test.text, has)
		}
	}
}

func TestObjects(t *testing.T) {
	o := options()
	o.MetricsLabels = []string{"release=prometheus"}
	manifests, err := Objects(o).YAML()
	if err != nil {
		t.Fatal(err)
	}
	var rule struct {
		Kind     string
		Metadata struct{ Labels map[string]string }
		Spec     struct {
			Groups []struct{ Rules []struct{ Alert string } }
		}
	}
	documents := strings.Split(string(manifests), "---\n")
	if err := yaml.Unmarshal([]byte(documents[1]), &rule); err != nil || rule.Kind != "PrometheusRule" || rule.Metadata.Labels["release"] != "prometheus" || len(rule.Spec.Groups[0].Rules) != 10 {
		t.Errorf("%v %+v", err, rule)
	}
	if !strings.Contains(documents[2], `grafana_dashboard: "1"`) {
		t.Errorf("the dashboard is\n%s", documents[2])
	}
}

// Grafana's model asks for IDs that are unique, and for panels that do not overlap.
func TestDashboard(t *testing.T) {
	var model struct {
		UID    string
		Panels []struct {
			ID      int
			Type    string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(Dashboard(), &model); err != nil || len(model.UID) > 40 {
		t.Fatalf("%v %+v", err, model)
	}
	var ids []int
	cells := map[[2]int]int{}
	for _, p := range model.Panels {
		if slices.Contains(ids, p.ID) || (p.Type == "row") != (len(p.Targets) == 0) {
			t.Errorf("panel %+v", p)
		}
		ids = append(ids, p.ID)
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := cells[[2]int{x, y}]; other != 0 || x >= width {
					t.Errorf("panel %d overlaps %d at %d,%d", p.ID, other, x, y)
				}
				cells[[2]int{x, y}] = p.ID
			}
		}
	}
}
