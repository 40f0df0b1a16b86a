package cli

import (
	"io"
	"slices"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/dindctl/dindctl/internal/lifecycle"
)

// formatPrometheus is an output format of status only.
const formatPrometheus format = "prometheus"

// writeMetrics writes the status in the text format of Prometheus, as its node exporter
// reads it from a file. What is unknown is left out.
func writeMetrics(out io.Writer, status lifecycle.Status) error {
	m := &metrics{}
	m.addStatus(status)
	for _, replica := range status.Replicas {
		m.addStatus(replica)
	}
	for _, family := range m.families {
		if _, err := expfmt.MetricFamilyToText(out, family); err != nil {
			return err
		}
	}
	return nil
}

// metrics are gauges of installations. Each has its namespace and name as labels.
type metrics struct {
	common   []*dto.LabelPair
	families []*dto.MetricFamily
}

func (m *metrics) addStatus(status lifecycle.Status) {
	m.common = []*dto.LabelPair{label("namespace", status.Namespace), label("name", status.Name)}
	m.add("up", "Whether the daemon answers.", truth(status.Daemon != nil))
	m.add("healthy", "Whether the installation is healthy, as the exit code of dindctl status says.", truth(status.Healthy))
	if d := status.Daemon; d != nil {
		m.add("info", "The daemon's engine.", 1, label("version", d.Version), label("driver", d.StorageDriver), label("cgroup_version", d.CgroupVersion))
		m.add("draining", "Whether the daemon waits for builds before it stops.", truth(status.Draining != nil))
	}
	m.addDisk(status.Disk)
	if l := status.Leftovers; l != nil {
		m.add("leftover_containers", "Containers that jobs left running.", float64(len(l.Containers)))
		m.add("leftover_builders", "Builders that jobs created.", float64(len(l.Builders)))
		m.add("leftover_networks", "Networks without a running container.", float64(len(l.Networks)))
	}
	if p := status.Prune; p != nil {
		m.addTime("prune_last_run_timestamp_seconds", "When the last prune started.", p.LastRun)
		if p.LastResult != nil && p.LastDurationSeconds != nil {
			m.add("prune_last_run_successful", "Whether the last prune that ended succeeded.", truth(*p.LastResult == "succeeded"))
		}
		m.addBytes("prune_last_reclaimed_bytes", "What the file system gained by the last prune.", p.LastReclaimedBytes)
		m.addTime("prune_next_run_timestamp_seconds", "When the next prune is scheduled.", p.NextRun)
	}
	if c := status.Certificates; c != nil {
		const name, help = "certificate_expiry_timestamp_seconds", "When the certificate expires."
		m.addTime(name, help, c.ServerExpires, label("certificate", "server"))
		m.addTime(name, help, c.ClientExpires, label("certificate", "client"))
	}
	for _, p := range status.Problems {
		m.add("problem", "A problem that dindctl status reports.", 1, label("object", p.Object), label("reason", p.Reason), label("severity", p.Severity))
	}
}

func (m *metrics) addDisk(d *lifecycle.Disk) {
	if d == nil {
		return
	}
	m.addBytes("disk_size_bytes", "Size of the data root's file system.", d.CapacityBytes)
	m.addBytes("disk_used_bytes", "Used space of the data root's file system.", d.UsedBytes)
	if d.InodesUsedPercent != nil {
		m.add("disk_inodes_used_ratio", "Used inodes of the data root's file system.", *d.InodesUsedPercent/100)
	}
	m.addBytes("images_bytes", "Size of all images.", d.ImagesBytes)
	m.addBytes("cache_bytes", "Size of the build cache.", d.BuildCacheBytes)
	m.addBytes("cache_limit_bytes", "Limit of the build cache.", d.CacheLimitBytes)
	m.addBytes("volumes_bytes", "Size of Docker volumes.", d.VolumesBytes)
	m.addBytes("containers_bytes", "Size of what containers wrote.", d.ContainersBytes)
	if gc := d.LastImageGC; gc != nil {
		m.addTime("image_gc_last_run_timestamp_seconds", "When image garbage collection last removed something.", &gc.Time)
		m.addBytes("image_gc_last_freed_bytes", "What the last image garbage collection freed.", &gc.FreedBytes)
	}
}

// add adds a sample, in a new family unless there is one of this name. A sample that is
// there already is not added again.
func (m *metrics) add(name, help string, value float64, labels ...*dto.LabelPair) {
	name = "dindctl_" + name
	at := slices.IndexFunc(m.families, func(f *dto.MetricFamily) bool { return f.GetName() == name })
	if at < 0 {
		at = len(m.families)
		m.families = append(m.families, &dto.MetricFamily{Name: &name, Help: &help, Type: dto.MetricType_GAUGE.Enum()})
	}
	family := m.families[at]
	sample := &dto.Metric{Label: slices.Concat(m.common, labels), Gauge: &dto.Gauge{Value: &value}}
	for _, other := range family.Metric {
		if other.String() == sample.String() {
			return
		}
	}
	family.Metric = append(family.Metric, sample)
}

func (m *metrics) addBytes(name, help string, bytes *int64) {
	if bytes != nil {
		m.add(name, help, float64(*bytes))
	}
}

func (m *metrics) addTime(name, help string, t *time.Time, labels ...*dto.LabelPair) {
	if t != nil {
		m.add(name, help, float64(t.Unix()), labels...)
	}
}

func label(name, value string) *dto.LabelPair { return &dto.LabelPair{Name: &name, Value: &value} }

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
