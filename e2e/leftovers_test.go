//go:build e2e

package e2e

import (
	"testing"
	"time"
)

// What a job leaves running is named in status and in what --when-idle waits for, and the
// command that --when-idle prints removes it.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest())
	i.job(t, `
docker network create left-network
docker run --detach --name left-web `+baseImage+` sleep 3600
docker run --detach --name buildx_buildkit_left0 `+baseImage+` sleep 3600
`).want(t)

	left := statusOf(t, i).Leftovers
	if left == nil || len(left.Containers) != 1 || len(left.Builders) != 1 || len(left.Networks) != 1 {
		t.Fatalf("status: %+v", left)
	}
	web := left.Containers[0]
	if age := time.Since(web.Created); web.Image != baseImage || age < -time.Minute || age > patience {
		t.Errorf("the container: %+v", web)
	}
	equal(t, "names", []string{web.Name, left.Builders[0].Name, left.Networks[0].Name}, []string{"left-web", "buildx_buildkit_left0", "left-network"})
	contains(t, "status", succeed(t, i.command("status")...).stdout, "1 running: left-web ("+baseImage+", ")

	pod := i.pod(t)
	dindctl(t, i.command("install", i.installOptions("--mtu", "1300", "--when-idle", "--timeout", "10s")...)...).want(t, notReady).
		says(t, "waiting for 1 container: left-web ("+baseImage+", ", "kubectl exec -n "+i.namespace+" pod/"+pod.Name+" -c docker-dind -- docker rm -f -v left-web`")
	inPod(t, pod, "docker", "rm", "-f", "-v", "left-web")
	if left := statusOf(t, i).Leftovers; len(left.Containers) > 0 {
		t.Errorf("after the printed command: %+v", left)
	}
}

// An engine that refuses old clients accepts them with a variable, and status says from
// which version on.
func TestOldClients(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest(), "--env", "DOCKER_MIN_API_VERSION=1.32")
	equal(t, "the oldest version", statusOf(t, i).Daemon.MinAPIVersion, "1.32")
	i.job(t, `
address=${DOCKER_HOST#tcp://}
wget -q -O - "http://$address/v1.32/version" | grep -o '"MinAPIVersion":"[^"]*"'
wget -q -O - "http://$address/v1.31/version" || echo refused
`).want(t, `"MinAPIVersion":"1.32"`, "refused")
}
