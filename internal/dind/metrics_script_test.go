package dind

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// families parses a page of metrics, and returns the value of each, with its labels.
func families(t *testing.T, text string) map[string]float64 {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	parsed, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	values := map[string]float64{}
	for name, family := range parsed {
		for _, metric := range family.Metric {
			var labels []string
			for _, label := range metric.Label {
				labels = append(labels, label.GetName()+"="+label.GetValue())
			}
			value := metric.GetGauge().GetValue() + metric.GetCounter().GetValue() + metric.GetUntyped().GetValue()
			if family.GetType() == dto.MetricType_HISTOGRAM {
				value = float64(metric.GetHistogram().GetSampleCount())
			}
			values[name+"{"+strings.Join(labels, ",")+"}"] = value
		}
	}
	return values
}

// The guard writes what it measures, and only that.
func TestMetricsScript(t *testing.T) {
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			guardStubs(b)
			b.stub("hostname", "echo docker-dind")
			b.write("disk", "1000 100 10 1000 250\n1000 100 40 1000 250\n1000 100 40 1000 250\n")
			b.write("images", image("old", "2026-11-01T00:00:00Z", never, "old:1,", "o,"))
			b.write("proc/1/stat", "")
			b.write("run/dindctl/metrics/keep", "")
			b.write("run/dindctl/limits", "C|7500|7500\n")
			b.write("var/lib/docker/dindctl/prune", "P|1795000000|42\n")
			got := b.runFile(shell, "guard.sh", []string{"BOX=" + b.root, "DINDCTL_GUARD_INTERVAL=0"}, "85", "1")
			want := map[string]float64{}
			for key, value := range map[string]float64{
				"disk_size_bytes": 100000, "disk_used_bytes": 60000, "disk_inodes_used_ratio": 0.75,
				"disk_measured_timestamp_seconds": 1795258800, "image_gc_high_water_ratio": 0.85,
				"image_gc_runs_total": 1, "image_gc_images_total": 1, "image_gc_freed_bytes_total": 30000,
				"image_gc_stuck": 0, "draining": 0, "cache_limit_bytes": 7500,
				"prune_last_end_timestamp_seconds": 1795000000, "prune_last_reclaimed_bytes": 42,
			} {
				want["dindctl_"+key+"{name=docker-dind}"] = value
			}
			if diff := cmp.Diff(want, families(t, b.read("run/dindctl/metrics/page"))); diff != "" {
				t.Errorf("%s\n%+v", diff, got)
			}
		})
	}
}

func TestCertificateExpiryScript(t *testing.T) {
	for date, want := range map[string]string{
		"Dec  1 09:00:00 2027 GMT": "1827651600", "Feb 29 23:59:59 2028 GMT": "1835481599", "Mar  1 00:00:00 2100 GMT": "4107542400", "Jan 31 12:30:00 2038 GMT": "2148553800",
	} {
		for name, shell := range shells(t) {
			t.Run(date+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := newBox(t)
				b.stub("openssl", "echo 'notAfter="+date+"'")
				script := commented()["metrics.sh"] + "\ncertificate_expiry\n"
				if got := b.runText(shell, script, []string{"DOCKER_TLS_CERTDIR=/certs"}); got.stdout != want {
					t.Errorf("got %+v, want %s", got, want)
				}
				if got := b.runText(shell, script, nil); got.stdout != "" || got.stderr != "" {
					t.Errorf("without TLS: %+v", got)
				}
			})
		}
	}
}

// engineMetrics is a part of what dockerd serves.
const engineMetrics = `# HELP builder_builds_triggered_total Number of triggered image builds
# TYPE builder_builds_triggered_total counter
builder_builds_triggered_total 0
# HELP engine_daemon_container_states_containers The count of containers in various states
# TYPE engine_daemon_container_states_containers gauge
engine_daemon_container_states_containers{state="paused"} 0
engine_daemon_container_states_containers{state="running"} 3
# HELP process_resident_memory_bytes Resident memory size in bytes.
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 1.2345e+08
`

// The page has what the daemon measures, also while a client says nothing.
func TestPageScript(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, engineMetrics) }))
	defer engine.Close()
	_, enginePort, _ := net.SplitHostPort(engine.Listener.Addr().String())
	b.write("run/dindctl/metrics/page", "# HELP dindctl_draining D.\n# TYPE dindctl_draining gauge\ndindctl_draining{name=\"ci\"} 0\n")
	b.write("proc/net/tcp", "  sl  local_address rem_address   st\n   0: 0100007F:0947 0200000A:C001 01\n   1: 0100007F:0947 0100007F:C002 01\n   2: 00000000:0947 00000000:0000 0A\n")
	b.write("bin/hostname", "#!/bin/sh\necho ci\n")
	address, stop := b.servePage(enginePort)
	defer stop()

	silent, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	want := map[string]float64{
		"dindctl_up{name=ci}": 1, "dindctl_connections{name=ci}": 1, "dindctl_draining{name=ci}": 0,
		"engine_daemon_container_states_containers{name=ci,state=paused}": 0, "engine_daemon_container_states_containers{name=ci,state=running}": 3,
		"process_resident_memory_bytes{name=ci}": 1.2345e+08,
	}
	var reading sync.WaitGroup
	for range 10 {
		reading.Go(func() {
			code, text := get(t, "http://"+address+MetricsPath)
			if diff := cmp.Diff(want, families(t, text)); code != http.StatusOK || diff != "" {
				t.Errorf("%d: %s", code, diff)
			}
		})
	}
	reading.Wait()
	if code, text := get(t, "http://"+address+"/other"); code != http.StatusNotFound || !strings.Contains(text, MetricsPath) {
		t.Errorf("another path: %d %s", code, text)
	}
	engine.Close()
	_, text := get(t, "http://"+address+MetricsPath)
	if got := slices.Sorted(maps.Keys(families(t, text))); families(t, text)["dindctl_up{name=ci}"] != 0 || len(got) != 3 {
		t.Errorf("without the daemon there are %v", got)
	}
}

// servePage runs page.sh as BusyBox of the image does. stop fails the test unless a signal
// ends the script.
func (b box) servePage(enginePort string) (address string, stop func()) {
	b.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	address = listener.Addr().String()
	_ = listener.Close()
	_, port, _ := net.SplitHostPort(address)
	shell := shells(b.t)["ash"]
	b.runFile(shell, "metrics.sh", nil) // writes the files and the links
	b.write("bin/sh", "#!/bin/sh\nexec "+strings.Join(shell, " ")+" \"$@\"\n")
	ctx, cancel := context.WithCancel(context.Background())
	page := exec.CommandContext(ctx, shell[0], shell[1], filepath.Join(b.root, "etc/dindctl", pageScriptName), port, enginePort, fmt.Sprint(PlainPort))
	page.Env = []string{"PATH=" + b.root + "/bin:/usr/bin:/bin"}
	if err := page.Start(); err != nil {
		b.t.Fatal(err)
	}
	for range 200 {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	return address, func() {
		_ = page.Process.Signal(syscall.SIGTERM)
		ended := make(chan error, 1)
		go func() { ended <- page.Wait() }()
		select {
		case <-ended:
		case <-time.After(time.Minute):
			b.t.Error("the script does not end")
		}
		cancel()
	}
}

func get(t *testing.T, address string) (int, string) {
	t.Helper()
	response, err := http.Get(address)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Errorf("reading the page: %v", err)
	}
	return response.StatusCode, string(text)
}
