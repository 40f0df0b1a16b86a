//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The pod's memory limit includes builds and containers: one that takes more ends,
// and the daemon and the other builds do not.
func TestLimits(t *testing.T) {
	t.Parallel()
	for _, image := range env.images {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			i := newInstallation(t, image)
			i.install(t, append([]string{"--create-namespace"}, memoryLimit...)...)
			i.checkLimits(t)
		})
	}
}

// greedy is a command that takes 1.5 GB of memory.
const greedy = `head -c 1500000000 /dev/zero | tail -c 1500000000 >/dev/null`

// memoryLimit are options that greedy exceeds.
var memoryLimit = []string{"--memory-limit", "1Gi", "--memory-request", "64Mi"}

// checkLimits exceeds the memory limit of an installation.
func (i *installation) checkLimits(t *testing.T) {
	t.Helper()
	ran := i.job(t, `
mkdir -p /tmp/context && cd /tmp/context
for name in one two three; do
	printf 'FROM `+baseImage+`\nRUN echo %s && sleep 5\n' $name | docker build --progress=plain -t $name - >/tmp/$name.log 2>&1 &
	eval $name=$!
done
printf 'FROM `+baseImage+`\nRUN `+greedy+`\n' | docker build --progress=plain - 2>&1 && echo 'the greedy build succeeded' || true
wait $one && wait $two && wait $three && echo 'the other builds succeeded'
code=0
docker run --rm `+baseImage+` sh -c '`+greedy+`' || code=$?
echo "the greedy container ended with $code"
docker run --rm one true && echo 'the daemon works'
`).want(t, "the other builds succeeded", "the greedy container ended with 137", "the daemon works")
	// BuildKit knows the reason where the control groups are of version 2.
	if !strings.Contains(ran.log, "exit code: 137") && !strings.Contains(ran.log, "did not complete successfully: cannot allocate memory") {
		t.Errorf("a build that takes more memory than the pod's limit has no error that says so:\n%s", ran.log)
	}
	if status := i.pod(t).Status.ContainerStatuses[0]; status.RestartCount != 0 {
		t.Errorf("the daemon restarted: %+v", status)
	}
	checkStatus(t, i)
	if limits := statusOf(t, i).Limits; !limits.Held || limits.CgroupVersion != statusOf(t, i).Daemon.CgroupVersion {
		t.Errorf("limits: %+v", limits)
	}
}

// checkGroups kills the pod of an installation on a node: nothing of its daemon is
// in the node's root group, and nothing is left of it anywhere.
func (i *installation) checkGroups(t *testing.T, node string) {
	t.Helper()
	onNode(t, i.namespace, node, "/sys/fs/cgroup", `! ls -d /dir/docker /dir/buildkit`)
	pod := i.pod(t)
	must(t, env.cluster.CoreV1().Pods(i.namespace).Delete(t.Context(), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))}))
	i.awaitPod(t, pod.UID)
	eventually(t, "the groups of the killed pod to be gone", func(ctx context.Context) (bool, error) {
		ran := runPod(t, i.namespace, hostPod(node, "/sys/fs/cgroup", `find /dir -name '*`+string(pod.UID)+`*'`))
		return ran.code == 0 && ran.log == "", nil
	})
	checkStatus(t, i)
}
