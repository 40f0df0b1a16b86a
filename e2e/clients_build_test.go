//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

// checkBuildx builds with the driver that README recommends, and with a builder
// in a container, whose cache README says is not shared.
func checkBuildx(t *testing.T, i *installation) {
	for n := range 2 {
		r := i.clientJob(t, "driver", build("driver")+`
docker buildx inspect | grep Driver
docker buildx build --quiet --tag REGISTRY/ID:1 --push .
docker buildx build --quiet --output files .
sed 's/^/written: /' files/three
`).want(t, "Driver:", " docker\n", "written: driver three")
		steps, cached := cachedSteps(t, r.log)
		if want := n * len(steps); len(cached) != want {
			t.Errorf("build %d with the driver docker: steps %v come from the cache, want %d", n+1, cached, want)
		}
	}
	create := "docker buildx create --driver docker-container --buildkitd-config /tmp/buildkitd.toml --use"
	if i.variables["DOCKER_CERT_PATH"] != "" {
		create = create + ` && exit 1
docker context create dindctl --docker "host=$DOCKER_HOST,ca=$DOCKER_CERT_PATH/ca.pem,cert=$DOCKER_CERT_PATH/cert.pem,key=$DOCKER_CERT_PATH/key.pem"
` + create + " dindctl"
	}
	config := strings.ReplaceAll(`
cat >/tmp/buildkitd.toml <<'END'
[registry."docker.io"]
mirrors = ["HOST"]
[registry."HOST"]
http = true
END
`, "HOST", env.registry) + create + "\n"
	for n := range 2 {
		r := i.clientJob(t, "container", config+strings.Replace(build("container"), "docker build ", "docker buildx build ", 1)+`
docker ps --format '{{.Image}}' | grep buildkit
docker buildx build --quiet --tag ID --load .
docker run --rm ID sed 's/^/loaded: /' /three
docker buildx build --quiet --tag REGISTRY/ID:1 --push .
docker buildx rm
`).want(t, "moby/buildkit:buildx-stable-1", "loaded: container three")
		if _, cached := cachedSteps(t, r.log); len(cached) > 0 {
			t.Errorf("build %d, in its own builder: steps %v come from the cache", n+1, cached)
		}
	}
}
