package daemon

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/volume"
)

func TestNewContainer(t *testing.T) {
	got := newContainer(container.Summary{
		ID: "c", Names: []string{"/buildx_buildkit_b0"}, State: container.StateRunning, Labels: map[string]string{"dindctl.keep": ""},
		Mounts: []container.MountPoint{{Type: mount.TypeVolume, Name: "buildx_buildkit_b0_state"}, {Type: mount.TypeBind, Name: "bind"}},
	})
	if !got.Builder || !got.Running || !got.Keep || got.Name != "buildx_buildkit_b0" || !cmp.Equal(got.Volumes, []string{"buildx_buildkit_b0_state"}) {
		t.Errorf("got %+v", got)
	}
}

// Volumes with a name are none that a prune removes, except the state of builders.
func TestNewVolume(t *testing.T) {
	const created = "2026-11-21T10:00:00Z"
	for _, test := range []struct {
		name   string
		labels map[string]string
		want   *Volume
	}{
		{"named", nil, nil},
		{"buildx_buildkit_b0", nil, nil},
		{"x_state", nil, nil},
		{"buildx_buildkit_b0_state", nil, &Volume{Name: "buildx_buildkit_b0_state", LastUsed: ago(2), SizeBytes: 5}},
		{"0a1b", map[string]string{"com.docker.volume.anonymous": ""}, &Volume{Name: "0a1b", LastUsed: ago(2), SizeBytes: 5}},
	} {
		got := newVolume(volume.Volume{Name: test.name, CreatedAt: created, Labels: test.labels, UsageData: &volume.UsageData{Size: 5}})
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}
