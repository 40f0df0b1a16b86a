//go:build e2e

package e2e

import (
	"context"
	"slices"
	"testing"
)

// A node whose control groups are of version 2: an installation lives there, its limits include the builds, and it moves between the nodes.
func TestSecondNode(t *testing.T) {
	t.Parallel()
	node := secondNode(t)
	// One after the other: the node has one slow processor.
	for _, image := range env.mainImages() {
		t.Run("life/"+image, func(t *testing.T) { lifeOnSecondNode(t, image, node) })
	}
	t.Run("drain", func(t *testing.T) { movesToFirstNode(t, node) })
	t.Run("volume", func(t *testing.T) { staysWithVolume(t, node) })
}

// lifeOnSecondNode tests the life of an installation on the second node. Its jobs
// run on the first one.
func lifeOnSecondNode(t *testing.T, image, node string) {
	i := newInstallation(t, image)
	i.install(t, slices.Concat([]string{"--create-namespace", "--verify", "job"}, memoryLimit, onSecondNode)...)
	i.buildsCold(t, "app")
	i.buildsCached(t, "app", "the second build")

	checkStatus(t, i)
	equal(t, "version of the control groups", statusOf(t, i).Daemon.CgroupVersion, "2")
	i.checkLimits(t)
	i.checkGroups(t, node)
	i.buildsCached(t, "app", "after the pod was killed")
	succeed(t, i.command("prune-now")...)

	succeed(t, i.command("uninstall", "--delete-data", "--yes")...)
	equal(t, "remaining objects", i.leftOver(t), nil)
}

// movesToFirstNode drains the second node. A volume that any node can mount does
// not keep the daemon there.
func movesToFirstNode(t *testing.T, node string) {
	first := anyNode(t)
	i := newInstallation(t, env.newest())
	i.label(t, node)
	i.install(t, "--create-namespace", "--node-selector", i.namespace+"=here", "--toleration", cgroupLabel+"=v2:NoSchedule", "--storage-size", "10Gi")
	equal(t, "node", i.pod(t).Spec.NodeName, node)

	i.label(t, first)
	uncordon := cordon(t, node)
	i.awaitPod(t, i.evict(t))
	equal(t, "node after the drain", i.pod(t).Spec.NodeName, first)
	i.buildsCold(t, "app")
	i.buildsCached(t, "app", "on the first node")
	checkStatus(t, i)
	uncordon()
}

// staysWithVolume drains the node of a replica's local volume, and then loses it: status
// says why there is no daemon, and the replica's projects build on the other one. The daemon
// returns with the node, and its cache is warm.
func staysWithVolume(t *testing.T, node string) {
	set := inNewNamespace(t, nil)
	directory, first := "/mnt/"+set.namespace, anyNode(t)
	for _, node := range []string{first, node} {
		defer removeDirectory(t, node, directory)
		onNode(t, set.namespace, node, directory, "true")
	}
	set.install(t, "--replicas", "2", "--local-path", directory, "--local-node", first+","+node, "--storage-size", "10Gi", "--toleration", cgroupLabel+"=v2:NoSchedule")
	equal(t, "the first replica's node", set.pod(t).Spec.NodeName, first)
	i := set.replica("docker-dind-1")
	equal(t, "the second replica's node", i.pod(t).Spec.NodeName, node)
	i.buildsCold(t, "app")

	uncordon := cordon(t, node)
	old := i.evict(t)
	eventually(t, "status to name the node that accepts no pods", func(context.Context) (bool, error) {
		s := decode[status](t, dindctl(t, i.command("status", "-o", "json")...))
		return s.says(node, "cordon"), nil
	})
	uncordon()
	i.awaitPod(t, old)
	i.buildsCached(t, "app", "after the drain")

	launch(t.Context(), t, "leave", "--lost")
	eventually(t, "status to name the lost node", func(context.Context) (bool, error) {
		s := decode[status](t, dindctl(t, i.command("status", "-o", "json")...))
		return s.says(node, "not ready"), nil
	})
	chosen := set.chooses(t, "none") + "DOCKER_HOST=tcp://docker-dind." + set.namespace + ".svc:2375\nDINDCTL_REPLICA=docker-dind-1\ndindctl_wait\n" + build("app")
	set.job(t, chosen).want(t, "this project builds on docker-dind, because docker-dind-1 takes no new jobs at the moment")
	launch(t.Context(), t, "join")
	i.settle(t)
	i.buildsCached(t, "app", "after the node returned")
	i.eventuallyHealthy(t)
	set.job(t, chosen).want(t, "this project builds on docker-dind-1\n")
	set.eventuallyHealthy(t)
}
