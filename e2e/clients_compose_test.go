//go:build e2e

package e2e

import "testing"

// checkCompose runs a project as README recommends it: under a name for this job
// only, and with `down -v` at its end.
func checkCompose(t *testing.T, i *installation) {
	i.clientJob(t, "job-1", `
mkdir /tmp/project && cd /tmp/project
cat >compose.yaml <<'END'
services:
  server:
    image: BASE
    command: sh -c "mkdir -p /data/www && echo hello >/data/www/index.html && exec httpd -f -p 80 -h /data/www"
    healthcheck: {test: wget -q -O /dev/null http://localhost/, interval: 1s, retries: 60}
    volumes: ["data:/data"]
    stop_grace_period: 0s
  test:
    build: .
    depends_on: {server: {condition: service_healthy}}
    configs: [greeting]
  mounted:
    image: BASE
    profiles: [limits]
    command: sh -c 'echo "files $$(ls -A /src | wc -l)"'
    volumes: [".:/src"]
  secretive:
    image: BASE
    profiles: [limits]
    command: cat /run/secrets/token
    secrets: [token]
volumes: {data: {}}
configs: {greeting: {content: "greetings\n"}}
secrets: {token: {file: ./token}}
END
printf '%s\n' 'FROM BASE' 'CMD cat /greeting; wget -q -O - http://server/' >Dockerfile
echo token >token
compose() { docker compose --progress plain -p ID "$@"; }
docker compose version
/usr/bin/docker compose version
compose up --build --abort-on-container-exit --exit-code-from test
compose up --detach --wait server
compose exec -T server cat /data/www/index.html | sed 's/^/exec: /'
compose cp server:/data/www/index.html copied && sed 's/^/copied: /' copied
compose run --rm test | sed 's/^/run: /'
compose run --rm mounted
compose run --rm secretive || echo "the secret is not there"
compose --profile limits down -v --rmi local
for kind in container network volume; do
	test -z "$(docker $kind ls -q --filter label=com.docker.compose.project=ID)"
done
echo nothing is left
`).want(t, "Docker Compose version v5.", "exec: hello", "copied: hello", "run: greetings", "run: hello", "files 0", "the secret is not there", "nothing is left")
}
