//go:build e2e

package e2e

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// With --publish-ports, those who may use the daemon also reach the ports that jobs
// publish, by the name that install prints, and nobody else does: fixed ports and those
// that Docker chooses, with each engine.
func TestPublishedPorts(t *testing.T) {
	t.Parallel()
	for _, image := range env.images {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			friends := inNewNamespace(t, nil).namespace
			i := install(t, image, "--allow-namespace", friends, "--publish-ports", "20000-20100")
			host := i.variables["TESTCONTAINERS_HOST_OVERRIDE"]
			equal(t, "the printed name", host, i.name+"."+i.name+"-pods."+i.namespace+".svc")
			contains(t, "env", succeed(t, i.command("env")...).stdout, "Use a port in 20000-20100")
			fixed, chosen := host+":20080", host+":"+i.publish(t)

			stranger := startCaller(t, inNewNamespace(t, nil).namespace, nil)
			friend, neighbour := startCaller(t, friends, nil), startCaller(t, i.namespace, nil)
			awaitReached(t, friend, fixed)
			awaitReached(t, neighbour, fixed)
			if !reaches(t, friend, chosen) || !reaches(t, neighbour, chosen) {
				t.Errorf("a pod that may use the daemon does not reach %s", chosen)
			}
			t.Run("testcontainers", func(t *testing.T) {
				needsClients(t)
				// Its reaper's image is not in the registry.
				i.clientJob(t, "port", "export TESTCONTAINERS_RYUK_DISABLED=true\ntestcontainers port\n").want(t, `port: "hello\n"`)
			})
			awaitEnforced(t, stranger, fixed)
			if reaches(t, stranger, chosen) {
				t.Errorf("a pod in another namespace reaches %s", chosen)
			}
		})
	}
}

// publish runs a server on port 20080 and one on a port that Docker chooses, and returns
// the latter.
func (i *installation) publish(t *testing.T) string {
	t.Helper()
	log := i.job(t, strings.NewReplacer("BASE", baseImage, "SERVE", serve).Replace(`
docker run -d -p 20080:8080 BASE SERVE
docker run -d --name any -p 8080 BASE SERVE
docker port any
`)).want(t).log
	match := regexp.MustCompile(`8080/tcp -> 0\.0\.0\.0:(\d+)`).FindStringSubmatch(log)
	if match == nil {
		t.Fatalf("no port in %s", log)
	}
	if port := got[int](t)(strconv.Atoi(match[1])); port < 20000 || port > 20100 {
		t.Errorf("Docker chose port %d", port)
	}
	return match[1]
}
