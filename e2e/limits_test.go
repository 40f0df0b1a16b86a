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
			checkLimits(t, newInstallation(t, image), "")
		})
	}
}

// greedy is a command that takes 1.5 GB of memory.
const greedy = `head -c 1500000000 /dev/zero | tail -c 1500000000 >/dev/null`

// checkLimits installs with a memory limit and exceeds it. A node is given if the
// options place the daemon on that node.
func checkLimits(t *testing.T, i *installation, node string, options ...string) {
	i.install(t, append([]string{"--create-namespace", "--memory-limit", "1Gi", "--memory-request", "64Mi"}, options...)...)
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
`).want(t, "exit code: 137", "the other builds succeeded", "the greedy container ended with 137", "the daemon works")
	if strings.Contains(ran.log, "the greedy build succeeded") {
		t.Error("a build takes more memory than the pod's limit")
	}
	if status := i.pod(t).Status.ContainerStatuses[0]; status.RestartCount != 0 {
		t.Errorf("the daemon restarted: %+v", status)
	}
	checkStatus(t, i)
	if node == "" {
		return
	}
	// Nothing of the daemon is in the node's root group, or left there after a kill.
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
