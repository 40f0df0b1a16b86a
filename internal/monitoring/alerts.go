// Package monitoring builds the alerts and the dashboard for the metrics of an installation.
// It is pure.
package monitoring

import (
	"bytes"
	_ "embed"
	"fmt"
	"text/template"
	"time"

	"github.com/robfig/cron/v3"
	"sigs.k8s.io/yaml"

	"github.com/dindctl/dindctl/internal/dind"
)

// alertsFile is a template: see its first lines.
//
//go:embed alerts.yaml
var alertsFile string

// Alerts returns the alerts on an installation with valid options, in the format of
// Prometheus' rule files. See
// https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/
func Alerts(o dind.Options) []byte {
	var names []string
	for n := range o.ReplicaCount() {
		names = append(names, dind.ReplicaName(o.Name, n))
	}
	pattern := o.Name
	if len(names) > 1 {
		pattern = fmt.Sprintf("%s(-[1-%d])?", o.Name, len(names)-1)
	}
	var out bytes.Buffer
	err := template.Must(template.New("alerts").Delims("[[", "]]").Parse(alertsFile)).Execute(&out, map[string]any{
		"Namespace":    o.Namespace,
		"Names":        names,
		"Selector":     fmt.Sprintf(`namespace="%s",name=~"%s"`, o.Namespace, pattern),
		"PruneSeconds": pruneSeconds(o.PruneSchedule),
		"TLS":          o.TLS,
	})
	if err != nil {
		panic(err) // the template has no other input
	}
	return out.Bytes()
}

// rule returns the alerts as an object of Prometheus Operator's kind.
func rule(o dind.Options) *dind.CustomObject {
	spec := map[string]any{}
	if err := yaml.Unmarshal(Alerts(o), &spec); err != nil {
		panic(err) // a test renders the template
	}
	return o.Monitor("PrometheusRule", spec)
}

// pruneSeconds returns the longest pause between two prunes of a valid schedule, and a day;
// 0 without a schedule.
func pruneSeconds(s string) int64 {
	schedule, err := cron.ParseStandard(s)
	if err != nil {
		return 0
	}
	begin := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	var longest time.Duration
	for last := schedule.Next(begin); last.Before(begin.AddDate(2, 0, 0)); {
		next := schedule.Next(last)
		longest = max(longest, next.Sub(last))
		last = next
	}
	return int64((longest + 24*time.Hour).Seconds())
}
