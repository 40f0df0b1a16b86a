package lifecycle

import (
	"strings"
	"testing"

	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
)

func TestUnusedMirrors(t *testing.T) {
	mirrors := []string{"https://hub.example.com", "quay.io=https://m", "ghcr.io=https://m", "quay.io=https://n"}
	for _, test := range []struct {
		name    string
		mirrors []string
		info    daemon.Info
		want    string
	}{
		{"Docker Hub only", mirrors[:1], daemon.Info{Version: "26.1.5"}, ""},
		{"an old engine whose tag does not say so", mirrors, daemon.Info{Version: "27.5.1", StorageDriver: "overlay2"}, "Docker Engine 27.5.1 does not use the mirrors of quay.io, ghcr.io."},
		{"a graph driver", mirrors, daemon.Info{Version: "29.7.2", StorageDriver: "overlay2"}, "with the storage driver overlay2, `docker pull` and `docker run` do not"},
		{"containerd's image store", mirrors, daemon.Info{Version: "29.7.2", StorageDriver: "overlayfs", ContainerdStore: true}, ""},
		{"an engine without a version", mirrors, daemon.Info{Version: "dev", ContainerdStore: true}, ""},
	} {
		message, hint := unusedMirrors(dind.Options{RegistryMirrors: test.mirrors}, test.info)
		if !strings.Contains(message, test.want) || (test.want == "") != (message == "") || (message == "") != (hint == "") {
			t.Errorf("%s: %q, %q", test.name, message, hint)
		}
	}
}
