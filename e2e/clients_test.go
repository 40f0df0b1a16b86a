//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

// Clients that others wrote work with the variables that install prints, and
// share the daemon and its cache: with each engine, and with TLS.
func TestClients(t *testing.T) {
	t.Parallel()
	needsClients(t)
	checks := map[string]func(*testing.T, *installation){
		"docker":         checkDockerClients,
		"buildx":         checkBuildx,
		"compose":        checkCompose,
		"testcontainers": checkTestcontainers,
	}
	for _, image := range env.images {
		for _, tls := range []string{"--tls=false", "--tls"} {
			t.Run(image+" "+tls, func(t *testing.T) {
				t.Parallel()
				i := install(t, image, tls, "--insecure-registry", env.registry)
				for name, check := range checks {
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						check(t, i)
					})
				}
			})
		}
	}
}

// checkDockerClients uses both clients, and what one of them built in the other.
func checkDockerClients(t *testing.T, i *installation) {
	for _, client := range []struct{ id, path, version string }{
		{"old", "/usr/bin/docker", "20.10."},
		{"new", "/usr/local/bin/docker", engineOf(env.newest())},
	} {
		i.clientJob(t, client.id, "docker() { "+client.path+` "$@"; }`+dockerScript).want(t,
			"client "+client.version, "ran: source of "+client.id, "exec: one", "copied: one", "logged: started", "pulled: source of "+client.id)
	}
	const oldDocker = "export DOCKER_BUILDKIT=1; docker() { /usr/bin/docker \"$@\"; }\n"
	_, cached := cachedSteps(t, i.clientJob(t, "both", oldDocker+build("both")).want(t).log)
	if len(cached) > 0 {
		t.Errorf("steps %v of the first build are cached", cached)
	}
	steps, cached := cachedSteps(t, i.clientJob(t, "both", build("both")).want(t).log)
	if len(cached) != len(steps) {
		t.Errorf("of the steps %v that docker 20.10 built, only %v come from the cache", steps, cached)
	}
}

// dockerScript does what jobs do, and builds with and without BuildKit.
const dockerScript = `
docker version --format 'client {{.Client.Version}}'
mkdir /tmp/app && cd /tmp/app
echo "source of ID" >source
printf '%s\n' 'FROM BASE' 'RUN echo one >/one' 'COPY source /source' 'CMD ["cat", "/source"]' >Dockerfile
DOCKER_BUILDKIT=0 docker build -t ID:classic .
docker build -t ID .
docker run --rm ID | sed 's/^/ran: /'
docker network create ID
docker volume create ID
docker run --detach --name ID --network ID --volume ID:/data ID sh -c 'echo started; exec sleep 600'
docker exec ID cat /one | sed 's/^/exec: /'
docker cp ID:/one - | tar -xO | sed 's/^/copied: /'
docker logs ID | sed 's/^/logged: /'
docker rm --force ID
docker network rm ID
docker volume rm ID
docker tag ID REGISTRY/ID:1
docker push REGISTRY/ID:1
docker rmi REGISTRY/ID:1 ID
docker pull REGISTRY/ID:1
docker run --rm REGISTRY/ID:1 | sed 's/^/pulled: /'
`

// What README lists as limits fails as it says, and what it offers instead works.
func TestClientLimits(t *testing.T) {
	t.Parallel()
	needsClients(t)
	i := install(t, env.newest())
	t.Run("bind mounts", func(t *testing.T) {
		t.Parallel()
		i.clientJob(t, "bind", `
mkdir /tmp/job && cd /tmp/job && echo mine >file
docker run --rm -v "$PWD:/src" BASE sh -c 'echo "files: $(ls -A /src | wc -l)"'
docker run --rm -v "$PWD/file:/file" BASE sh -c 'test -d /file && echo "a file is a directory"'
docker create --name ID BASE sh -c 'cat /tmp/file; echo result >/result'
docker cp file ID:/tmp/file
docker start --attach ID | sed 's/^/copied in: /'
docker cp ID:/result . && sed 's/^/copied out: /' result
printf 'FROM BASE AS build\nCOPY file /\nRUN cp file built\nFROM scratch\nCOPY --from=build built /\n' >Dockerfile
docker build --output out . && sed 's/^/built: /' out/built
`).want(t, "files: 0", "a file is a directory", "copied in: mine", "copied out: result", "built: mine")
	})
	t.Run("published ports", func(t *testing.T) {
		t.Parallel()
		r := i.clientJob(t, "port", `
docker network create ID
docker run --detach --name ID --network ID -p 8080:80 BASE sh -c 'mkdir /www; echo hello >/www/index.html; exec httpd -f -p 80 -h /www'
service=${DOCKER_HOST#tcp://}
for address in localhost "${service%:*}"; do
	wget -q -O - -T 3 -t 1 "http://$address:8080/" && echo "$address is reachable" || echo "refused"
done
docker run --rm --network ID BASE wget -q -O - http://ID/ | sed 's/^/same network: /'
`).want(t, "same network: hello")
		if n := strings.Count(r.log, "refused\n"); n != 2 {
			t.Errorf("%d of 2 addresses are refused", n)
		}
	})
}
