//go:build e2e

package e2e

import "testing"

// checkTestcontainers runs a program with testcontainers-go. Its reaper, Ryuk, is
// off: it needs a published port, and those README says are not reachable.
func checkTestcontainers(t *testing.T, i *installation) {
	i.clientJob(t, "tests", `
export TESTCONTAINERS_RYUK_DISABLED=true
testcontainers containers
testcontainers build
testcontainers port
test -z "$(docker ps -aq --filter label=org.testcontainers)"
echo nothing is left
`).want(t, `containers: 0 "hello\ncopied"`, `build: "built\n"`, "port: unreachable: ", "nothing is left")
}

// The job in README's .gitlab-ci.yml, with the variables that install prints,
// works in gitlab-ci-local: it runs in a container of the daemon, and pushes.
func TestReadmePipeline(t *testing.T) {
	t.Parallel()
	needsClients(t)
	for _, image := range env.images {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			i := newInstallation(t, image)
			variables := i.install(t, "--create-namespace", "--insecure-registry", env.registry).stdout
			i.clientJob(t, "app", `
mkdir /tmp/project && cd /tmp/project
git init --quiet --initial-branch main
git config user.email job@example.com
git config user.name job
git remote add origin https://gitlab.example.com/team/app.git
cat >.gitlab-ci.yml <<'END'
`+variables+readmeJob(t)+`END
printf '%s\n' 'FROM BASE' 'CMD echo the image of the pipeline' >Dockerfile
git add .
git commit --quiet --message first
gitlab-ci-local --helper-image BASE --variable CI_REGISTRY_IMAGE=REGISTRY/app
image=REGISTRY/app:$(git rev-parse HEAD)
docker rmi "$image"
docker run --rm "$image" | sed 's/^/ran: /'
`).want(t, "ran: the image of the pipeline")
		})
	}
}
