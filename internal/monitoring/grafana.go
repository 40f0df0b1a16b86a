package monitoring

import (
	"encoding/json"
	"strings"

	applycore "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/dindctl/dindctl/internal/dind"
)

// Objects returns the alerts and the dashboard of an installation with valid options.
func Objects(o dind.Options) dind.Objects { return dind.Objects{rule(o), dashboardConfig(o)} }

// dashboardConfig returns the dashboard as Grafana's sidecar finds it in a cluster. See
// https://github.com/grafana/helm-charts/tree/main/charts/grafana#sidecar-for-dashboards
func dashboardConfig(o dind.Options) *applycore.ConfigMapApplyConfiguration {
	return applycore.ConfigMap(o.Name+"-dashboard", o.Namespace).
		WithLabels(o.MonitoringLabels()).WithLabels(map[string]string{"grafana_dashboard": "1"}).
		WithData(map[string]string{"dindctl.json": string(Dashboard())})
}

// width is the number of columns of Grafana's grid.
const width = 24

// Dashboard returns the dashboard of all installations as JSON for Grafana 9 and later. It
// lets its user choose the data source, the namespace and the installations. See
// https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
func Dashboard() []byte {
	source := map[string]any{"type": "prometheus", "uid": "${datasource}"}
	var panels []map[string]any
	y, id := 0, 0
	for _, row := range rows() {
		id++
		panels = append(panels, map[string]any{"id": id, "type": "row", "title": row.title, "gridPos": position(0, y, width, 1)})
		y++
		height, each := 4, width/len(row.panels)
		for _, p := range row.panels {
			if !p.stat {
				height = 8
			}
		}
		for n, p := range row.panels {
			id++
			panels = append(panels, p.model(id, source, position(n*each, y, each, height)))
		}
		y += height
	}
	text, err := json.MarshalIndent(map[string]any{
		"uid": "dindctl", "title": "Docker daemons (dindctl)", "tags": []string{"dindctl", "docker", "ci"},
		"schemaVersion": 39, "editable": true, "refresh": "1m",
		"time": map[string]string{"from": "now-24h", "to": "now"},
		"templating": map[string]any{"list": []map[string]any{
			{"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"},
			variable("namespace", "Namespace", "label_values(dindctl_up, namespace)", source),
			variable("name", "Installation", `label_values(dindctl_up{namespace=~"$namespace"}, name)`, source),
		}},
		"panels": panels,
	}, "", " ")
	if err != nil {
		panic(err) // strings, numbers and maps of them always marshal
	}
	return text
}

func (p panel) model(id int, source, position map[string]any) map[string]any {
	kind := "timeseries"
	if p.stat {
		kind = "stat"
	}
	var targets []map[string]any
	for n, s := range p.series {
		targets = append(targets, map[string]any{
			"refId": string(rune('A' + n)), "datasource": source, "legendFormat": s.legend,
			"expr": strings.ReplaceAll(s.expression, "$S", `namespace=~"$namespace",name=~"$name"`),
		})
	}
	model := map[string]any{
		"id": id, "type": kind, "title": p.title, "datasource": source, "gridPos": position, "targets": targets,
		"fieldConfig": map[string]any{"defaults": map[string]any{"unit": p.unit, "min": 0}, "overrides": []any{}},
	}
	if p.unit == "string" {
		// The value says nothing: the labels do.
		model["options"] = map[string]any{"textMode": "name"}
	}
	return model
}

func variable(name, label, query string, source map[string]any) map[string]any {
	return map[string]any{
		"name": name, "label": label, "type": "query", "datasource": source, "query": query, "definition": query,
		"refresh": 2, "includeAll": true, "multi": true, "allValue": ".*",
		"current": map[string]any{"text": "All", "value": "$__all"},
	}
}

func position(x, y, w, h int) map[string]any { return map[string]any{"x": x, "y": y, "w": w, "h": h} }
