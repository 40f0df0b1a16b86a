package cli

import (
	"strings"
	"testing"

	"github.com/dindctl/dindctl/internal/apply"
	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/terminal"
)

func TestWriteChanges(t *testing.T) {
	objects := []lifecycle.ObjectChange{
		{Kind: "ConfigMap", Name: "c", Change: "created"},
		{Kind: "Deployment", Name: "d", Change: "configured", Fields: []apply.FieldChange{
			{Path: "spec.replicas", From: 3, To: 1}, {Path: "a", To: "new\x1b[31m"}, {Path: "b", From: true},
		}, Unmanaged: []string{"containers[name=x]"}},
		{Kind: "Service", Name: "d", Change: "adopted"},
		{Kind: "CronJob", Name: "d", Change: "deleted"},
		{Kind: "NetworkPolicy", Name: "d", Change: "unchanged"},
	}
	tests := []struct {
		name  string
		color bool
		want  string
	}{
		{"plain", false, "+ configmap/c\n~ deployment/d\n    spec.replicas: 3 → 1\n    a: added new\n    b: removed true\n" +
			"    containers[name=x]: unmanaged, not changed\n~ service/d (adopted)\n- cronjob/d\n  networkpolicy/d\n"},
		{"colored", true, "\x1b[32m+ configmap/c\x1b[0m\n\x1b[33m~ deployment/d\x1b[0m\n    \x1b[33mspec.replicas: 3 → 1\x1b[0m\n" +
			"    \x1b[32ma: added new\x1b[0m\n    \x1b[31mb: removed true\x1b[0m\n    \x1b[2mcontainers[name=x]: unmanaged, not changed\x1b[0m\n" +
			"\x1b[33m~ service/d\x1b[0m\x1b[2m (adopted)\x1b[0m\n\x1b[31m- cronjob/d\x1b[0m\n\x1b[2m  networkpolicy/d\x1b[0m\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out strings.Builder
			if err := writeChanges(&out, terminal.Style{Color: test.color}, objects, true); err != nil {
				t.Fatal(err)
			}
			if out.String() != test.want {
				t.Errorf("got  %q\nwant %q", out.String(), test.want)
			}
		})
	}
}

// Many fields are a number on a terminal, and all of them with -v.
func TestManyFields(t *testing.T) {
	object := lifecycle.ObjectChange{Kind: "Deployment", Name: "d", Change: "configured"}
	for range 6 {
		object.Fields = append(object.Fields, apply.FieldChange{Path: "a", From: 1, To: 2})
	}
	for short, want := range map[bool]string{
		true:  "~ deployment/d (6 fields; -v lists them)\n",
		false: "~ deployment/d\n" + strings.Repeat("    a: 1 → 2\n", 6),
	} {
		var out strings.Builder
		if err := writeChanges(&out, terminal.Style{}, []lifecycle.ObjectChange{object}, short); err != nil || out.String() != want {
			t.Errorf("short %v: %v, %q", short, err, out.String())
		}
	}
}

func TestInstallDryRun(t *testing.T) {
	w := newWorld(t, clustertest.DefaultClass())
	code, stdout, _ := w.run(t, "install", "--dry-run")
	if code != 0 || strings.Count(stdout, "+ ") != 7 || strings.Contains(stdout, "DOCKER_HOST") {
		t.Errorf("code %d, %q", code, stdout)
	}
	code, stdout, _ = w.run(t, "install", "--dry-run=server", "-o", "json")
	if code != 0 || !strings.Contains(stdout, `"dryRun": "server"`) || strings.Count(stdout, `"created"`) != 7 {
		t.Errorf("code %d, %q", code, stdout)
	}
	for mode, hint := range map[string]string{"client": "`dindctl manifests` prints the objects without a cluster.", "maybe": "must be true or false"} {
		code, stdout, stderr := w.run(t, "install", "--dry-run="+mode, "--mtu", "x")
		if code != 2 || stdout != "" || !strings.Contains(stderr, `--dry-run "`+mode+`": `) || !strings.Contains(stderr, hint) || !strings.Contains(stderr, "--mtu") {
			t.Errorf("code %d, %q", code, stderr)
		}
	}
}
