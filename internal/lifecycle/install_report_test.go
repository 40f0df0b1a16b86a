package lifecycle

import (
	"slices"
	"testing"

	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
)

func TestEngineChange(t *testing.T) {
	info := func(version, driver string) daemon.Info { return daemon.Info{Version: version, StorageDriver: driver} }
	tests := map[string]struct {
		before, now daemon.Info
		want        string
	}{
		"no change":                   {info("29.7.2", "overlayfs"), info("29.7.2", "overlayfs"), ""},
		"nothing is known":            {info("", ""), info("29.7.2", "overlayfs"), ""},
		"a tag of the same version":   {info("26.1.5", ""), info("26.1.5+dfsg1", "overlay2"), ""},
		"an upgrade":                  {info("26.1.5+dfsg1", "overlay2"), info("29.7.2", "overlay2"), "Docker Engine 26.1.5+dfsg1 → 29.7.2; images and cache stay with storage driver overlay2"},
		"an upgrade from a known tag": {info("26.1.5", ""), info("29.7.2", "overlay2"), "Docker Engine 26.1.5 → 29.7.2"},
		"another driver":              {info("29.7.2", "overlayfs"), info("29.7.2", "vfs"), "storage driver overlayfs → vfs: the existing images and cache are no longer used but stay on the volume"},
		"an upgrade with another driver": {info("26.1.5", "overlay2"), info("29.7.2", "overlayfs"),
			"Docker Engine 26.1.5 → 29.7.2; storage driver overlay2 → overlayfs: the existing images and cache are no longer used but stay on the volume"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := engineChange(test.before, test.now); got != test.want {
				t.Errorf("got %q", got)
			}
		})
	}
}

// After an uninstall, a label of the claim has the earlier version of the engine.
func TestInstallReportsAnotherEngineVersion(t *testing.T) {
	const line = "info: Docker Engine 26.1.5 → 29.7.2"
	w := installedWorld(t, func(o *dind.Options) { o.Image = "docker:26.1.5-dind" })
	removal, err := w.PlanRemoval(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Remove(t.Context(), removal); err != nil {
		t.Fatal(err)
	}
	w.install(t, options(nil))
	if messages := w.messages(); !slices.Contains(messages, line) {
		t.Errorf("messages %q", messages)
	}
	w.reset()
	w.install(t, options(nil))
	if messages := w.messages(); slices.Contains(messages, line) {
		t.Errorf("reported again: %q", messages)
	}
}

// A step to an engine that refuses clients says which, and how to accept them; the way
// back, and a daemon that stays, say nothing.
func TestInstallReportsRefusedClients(t *testing.T) {
	const want = "warning: the daemon refuses clients older than API 1.40 (before: 1.24), for example Testcontainers for Java before 1.21.4; " +
		"update them, or accept them with --env DOCKER_MIN_API_VERSION=1.24"
	for earlier, warned := range map[string]bool{"1.24": true, "1.40": false, "1.44": false, "": false} {
		w := newWorld(t)
		outcome := Installation{Daemon: &daemon.Info{Version: "29.7.2", MinAPIVersion: "1.40"}, Restart: &Restart{engine: daemon.Info{Version: "26.1.5", MinAPIVersion: earlier}}}
		w.reportEngineChange(plan{}, &outcome)
		if got := slices.Contains(w.messages(), want); got != warned {
			t.Errorf("from %q: messages %q", earlier, w.messages())
		}
	}
}
