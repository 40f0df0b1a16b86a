//go:build e2e

package e2e

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A project always builds on the same replica, whatever their number is: another one moves
// no more projects than its share, and one that comes back has its cache. The first is the
// daemon that there was before, and does not restart.
func TestReplicas(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest())
	i.buildsCold(t, "app")
	first := i.pod(t).UID
	projects := times(9, 120)

	i.install(t, "--replicas", "2")
	equal(t, "the first replica's pod", i.pod(t).UID, first)
	i.buildsCached(t, "app", "in the first of two replicas")
	two := i.round(t, projects)
	for key, home := range two {
		if home.cached {
			t.Errorf("project %s was never built on %s, but is cached", key, home.on)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(two))[:5] {
		equal(t, "the replica that `where` prints for project "+key, i.where(t, key)[0], two[key].on)
	}
	i.install(t, "--replicas", "3")
	three := i.round(t, projects)
	checkRound(t, "from two to three", two, three, "docker-dind-2", 3)
	checkRound(t, "again", three, i.round(t, projects), "", 3)

	removed := succeed(t, i.command("install", i.installOptions("--replicas", "2", "-o", "json")...)...).stdout
	contains(t, "install", removed, `"docker-dind-2"`)
	checkRound(t, "from three to two", two, i.round(t, projects), "", 2)
	equal(t, "the claim that stays", claimNamed(t, i.namespace, "docker-dind-2-data").Status.Phase, corev1.ClaimBound)
	i.install(t, "--replicas", "3")
	checkRound(t, "from two to three again", three, i.round(t, projects), "", 3)

	t.Run("commands", func(t *testing.T) { i.commandsOfReplicas(t) })
	t.Run("drain", func(t *testing.T) { i.drainsReplica(t) })
	t.Run("crash", func(t *testing.T) { i.crashesReplica(t) })
	succeed(t, i.command("uninstall", "--delete-data", "--yes")...)
	for _, name := range []string{"docker-dind", "docker-dind-1", "docker-dind-2"} {
		equal(t, "what is left of "+name, i.replica(name).leftOver(t), nil)
	}
}

// commandsOfReplicas checks that each command works on three replicas.
func (i *installation) commandsOfReplicas(t *testing.T) {
	text := succeed(t, i.command("status")...).stdout
	contains(t, "status", text, "healthy, 3 replicas")
	contains(t, "status", text, "\ndocker-dind-2 ")
	verified := succeed(t, i.command("verify", "-v")...)
	contains(t, "verify", verified.stdout, "reaches tcp://docker-dind-2.")
	for _, name := range []string{"docker-dind", "docker-dind-1", "docker-dind-2"} {
		if home := "chooses tcp://" + name + "." + i.namespace + ".svc:2375\n"; !strings.Contains(verified.stderr, home) {
			t.Errorf("no job of a project %s", home)
		}
	}
	equal(t, "prunes", strings.Count(succeed(t, i.command("prune-now")...).stdout, "Freed "), 3)

	equal(t, "prunes of one", strings.Count(succeed(t, i.command("prune-now", "--replica", "0")...).stdout, "Freed "), 1)
	contains(t, "status of one", succeed(t, i.command("status", "--replica", "2")...).stdout, "docker-dind-2 in namespace "+i.namespace+": healthy\n")

	refused := dindctl(t, i.command("install", i.installOptions()...)...).want(t, failed)
	contains(t, "install without the number", refused.stderr, "this installation has 3 replicas")
	refused = dindctl(t, i.replica("docker-dind-1").command("install", i.installOptions()...)...).want(t, failed)
	contains(t, "install of a replica", refused.stderr, "is a replica of docker-dind")
	preview := succeed(t, i.command("install", i.installOptions("--replicas", "1", "--dry-run")...)...).stdout
	contains(t, "the dry run", preview, "- deployment/docker-dind-2")
	i.eventuallyHealthy(t)
}

// drainsReplica deletes the pod of a project's replica: the job that builds on it ends, the
// next one builds elsewhere, and the one after that at home, from the cache.
func (i *installation) drainsReplica(t *testing.T) {
	ranking := i.where(t, "4711")
	home := i.replica(ranking[0])
	choose := i.chooses(t, "4711")
	i.job(t, choose+build("drained")).want(t, "this project builds on "+home.name+"\n")
	old := home.pod(t).UID
	running := make(chan ran, 1)
	go func() {
		running <- i.job(t, choose+"docker build --no-cache -q - <<END\nFROM "+baseImage+"\nRUN sleep 30\nEND")
	}()
	home.awaitProcess(t, "sleep.30")
	home.deletePod(t)
	i.awaitAway(t, home)
	i.job(t, choose+build("drained")).want(t, "this project builds on "+ranking[1]+", because "+home.name+" takes no new jobs at the moment")
	(<-running).want(t)
	home.awaitPod(t, old)
	_, cached := cachedSteps(t, i.job(t, choose+build("drained")).want(t, "this project builds on "+home.name+"\n").log)
	equal(t, "cached steps at home", len(cached), 4)
}

// awaitAway waits until the replica's pod has lost the name by which jobs look for it.
func (i *installation) awaitAway(t *testing.T, replica *installation) {
	t.Helper()
	endpoints := env.cluster.DiscoveryV1().EndpointSlices(i.namespace)
	eventually(t, "the pod of "+replica.name+" to take no new jobs", func(ctx context.Context) (bool, error) {
		list, err := endpoints.List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + replica.name + "-pods"})
		if err != nil {
			return false, err
		}
		for _, slice := range list.Items {
			for _, endpoint := range slice.Endpoints {
				if *endpoint.Conditions.Ready {
					return false, nil
				}
			}
		}
		return true, nil
	})
}

// crashesReplica kills the daemon of a project's replica while a job builds on it. That job
// fails; the next ones build, here or there, and then at home from the cache.
func (i *installation) crashesReplica(t *testing.T) {
	home := i.replica(i.where(t, "4711")[0])
	choose := i.chooses(t, "4711")
	running := make(chan ran, 1)
	go func() {
		running <- i.job(t, choose+"docker build --no-cache -q - <<END\nFROM "+baseImage+"\nRUN sleep 31\nEND")
	}()
	home.awaitProcess(t, "sleep.31")
	home.killDaemon(t)
	for range 3 {
		i.job(t, choose+build("crashed")).want(t, "this project builds on ")
	}
	if aborted := <-running; aborted.code == 0 {
		t.Error("a build succeeded although its daemon was killed")
	}
	home.awaitPod(t, "")
	_, cached := cachedSteps(t, i.job(t, choose+build("drained")).want(t, "this project builds on "+home.name+"\n").log)
	equal(t, "cached steps at home", len(cached), 4)
	i.eventuallyHealthy(t)
}

// With TLS all replicas have the certificates of the first: a job has one Secret.
func TestReplicasWithTLS(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest(), "--tls")
	before := got[*corev1.Secret](t)(env.cluster.CoreV1().Secrets(i.namespace).Get(t.Context(), "docker-dind-client-tls", metav1.GetOptions{})).Data
	i.install(t, "--tls", "--replicas", "2")
	after := got[*corev1.Secret](t)(env.cluster.CoreV1().Secrets(i.namespace).Get(t.Context(), "docker-dind-client-tls", metav1.GetOptions{})).Data
	equal(t, "the clients' certificate", after, before)
	for _, name := range []string{"docker-dind", "docker-dind-1"} {
		script := i.chooses(t, "none") + "DOCKER_HOST=tcp://docker-dind." + i.namespace + ".svc:2376\nDINDCTL_REPLICA=" + name + "\ndindctl_wait\n"
		runPod(t, i.namespace, withSecret(jobPod(i.image, i.variables, script+build("secure")), "docker-dind-client-tls", "/certs/client")).
			want(t, "this project builds on "+name+"\n")
	}
	contains(t, "verify", succeed(t, i.command("verify")...).stdout, "reaches tcp://docker-dind-1.")
	i.eventuallyHealthy(t)
}
