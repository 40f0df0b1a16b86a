//go:build e2e

package e2e

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// status --watch prints the status repeatedly, shows changes, and ends with
// Ctrl-C.
func TestStatusWatch(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest())
	for _, format := range []string{"text", "json", "yaml"} {
		c := prepare(t, nil, i.command("status", "--watch", "-o", format)...).start(t)
		eventually(t, "the second status", func(context.Context) (bool, error) {
			return strings.Count(c.stdout.String(), "tcp://") > 1, nil
		})
		must(t, c.Process.Signal(os.Interrupt))
		r := c.wait(t).want(t, interrupted)
		if format == "text" {
			continue
		}
		var printed int
		for documents := yaml.NewYAMLOrJSONDecoder(strings.NewReader(r.stdout), 4096); ; printed++ {
			var s status
			err := documents.Decode(&s)
			if errors.Is(err, io.EOF) {
				break
			}
			must(t, err)
			if !s.Healthy {
				t.Errorf("document %d of -o %s is not the status of a healthy installation: %+v", printed, format, s)
			}
		}
		if printed < 2 {
			t.Errorf("-o %s printed %d documents:\n%s", format, printed, r.stdout)
		}
	}

	c := prepare(t, nil, i.command("status", "--watch")...).start(t)
	eventually(t, "the first status", func(context.Context) (bool, error) {
		return strings.Contains(c.stdout.String(), ": healthy"), nil
	})
	succeed(t, i.command("uninstall")...)
	eventually(t, "the status after uninstall", func(context.Context) (bool, error) {
		return strings.Contains(c.stdout.String(), "is not installed"), nil
	})
	must(t, c.Process.Signal(os.Interrupt))
	c.wait(t).want(t, interrupted)
}

// The daemon does not run. status ends with exit code 3, a problem and a hint,
// prune-now does not wait for the daemon, and following the hint helps.
func TestDaemonDown(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest())
	i.scaleDown(t)
	s := decode[status](t, dindctl(t, i.command("status", "-o", "json")...).want(t, notReady))
	if s.Healthy || s.Daemon != nil || s.Disk != nil || len(s.Problems) != 1 {
		t.Fatalf("status of a daemon that does not run: %+v", s)
	}
	if p := s.Problems[0]; p.Object != "deployment/"+i.name || p.Reason == "" || p.Message == "" || !strings.Contains(p.Hint, "dindctl install") {
		t.Errorf("problem: %+v", p)
	}
	text := dindctl(t, i.command("status")...).want(t, notReady)
	if !strings.Contains(text.stdout, "unhealthy") || !strings.Contains(text.stdout, s.Problems[0].Hint) {
		t.Errorf("status as text:\n%s", text.stdout)
	}
	dindctl(t, i.command("prune-now")...).want(t, notReady)

	i.install(t)
	if s := statusOf(t, i); !s.Healthy {
		t.Errorf("still not healthy after install: %+v", s.Problems)
	}

	// A missing object is reported, and created again.
	must(t, env.cluster.CoreV1().Services(i.namespace).Delete(t.Context(), i.name, metav1.DeleteOptions{}))
	s = decode[status](t, dindctl(t, i.command("status", "-o", "json")...).want(t, notReady))
	if len(s.Problems) != 1 || !strings.Contains(s.Problems[0].Message, "Service") {
		t.Errorf("status without the Service: %+v", s.Problems)
	}
	again := decode[installed](t, succeed(t, i.command("install", i.installOptions("-o", "json")...)...))
	equal(t, "changes", again.changes(), slices.Sorted(slices.Values([]string{"created", "unchanged"})))
	i.job(t, "docker version").want(t)
}
