//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

// checkBuildx builds with the driver that README recommends, and with a builder
// in a container, whose cache README says is not shared.
func checkBuildx(t *testing.T, i *installation) {
	for n, want := range []bool{false, true} {
		r := i.clientJob(t, "driver", buildContext+`
docker buildx inspect | grep Driver
docker buildx build --progress=plain --tag REGISTRY/ID:1 --push . 2>&1
docker buildx build --quiet --output files .
sed 's/^/written: /' files/two
`).want(t, "Driver:", " docker\n", "written: one")
		if cached := strings.Contains(r.log, "CACHED"); cached != want {
			t.Errorf("build %d with the driver docker: steps from the cache: %v", n+1, cached)
		}
	}
	config := strings.ReplaceAll(`
cat >/tmp/buildkitd.toml <<'END'
[registry."docker.io"]
mirrors = ["HOST"]
[registry."HOST"]
http = true
END
`, "HOST", env.registry)
	for n := range 2 {
		r := i.clientJob(t, "container", config+buildContext+`
docker buildx create --driver docker-container --buildkitd-config /tmp/buildkitd.toml --use
docker buildx build --progress=plain --tag ID --load . 2>&1
docker run --rm ID cat /two | sed 's/^/loaded: /'
docker buildx build --quiet --tag REGISTRY/ID:1 --push .
docker ps --format '{{.Image}}' | grep buildkit
docker buildx rm
`).want(t, "moby/buildkit:buildx-stable-1", "loaded: one")
		if strings.Contains(r.log, "CACHED") {
			t.Errorf("build %d, in its own builder, has steps from the cache", n+1)
		}
	}
}

const buildContext = `
mkdir /tmp/context && cd /tmp/context
printf '%s\n' 'FROM BASE' 'RUN echo one >/one' 'RUN cat /one >/two' >Dockerfile
`
