//go:build e2e

package e2e

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// An installation whose image is pinned by digest. The daemon's pod holds no
// token, and the prune Job's pod has no permissions.
func TestHardening(t *testing.T) {
	t.Parallel()
	i := install(t, pinned(t, env.newest()))

	t.Run("digest", func(t *testing.T) {
		pod := i.pod(t)
		equal(t, "the pod's image", pod.Spec.Containers[0].Image, i.image)
		_, version, _ := strings.Cut(env.newest(), ":")
		version, _, _ = strings.Cut(version, "-")
		equal(t, "the engine's version", pod.Labels["app.kubernetes.io/version"], engineIn(i.image, version))
		s := decode[status](t, succeed(t, i.command("status", "-o", "json")...))
		if !s.Healthy || s.Daemon == nil || s.Daemon.Version != version {
			t.Errorf("status: %+v", s)
		}
		succeed(t, i.command("prune-now")...)
		again := decode[installed](t, succeed(t, i.command("install", i.installOptions("-o", "json")...)...))
		for name, change := range again.changesByName() {
			equal(t, name, change, "unchanged")
		}
	})
	t.Run("daemon", func(t *testing.T) {
		pod := i.pod(t)
		if out := inPod(t, pod, "sh", "-c", "ls -A /var/run/secrets/kubernetes.io 2>/dev/null; echo none"); out != "none\n" {
			t.Errorf("the daemon's pod holds a token: %s", out)
		}
		if out := inPod(t, pod, "sh", "-c", "env"); strings.Contains(out, "DOCKER_DIND_PORT") {
			t.Errorf("the daemon's pod has service links:\n%s", out)
		}
	})
	t.Run("trust", func(t *testing.T) {
		// Any client of the daemon can do anything on its node, and can see
		// what others do there. Therefore the policy and TLS restrict who is a
		// client.
		i.job(t, "docker create --name of-another-team "+baseImage+" true").want(t)
		out := i.job(t, "docker ps -a --format '{{.Names}}'; docker run --rm --privileged "+baseImage+" grep CapEff: /proc/self/status").want(t, "of-another-team\n")
		_, mask, _ := strings.Cut(out.log, "CapEff:\t")
		capabilities := got[uint64](t)(strconv.ParseUint(strings.Fields(mask + " none")[0], 16, 64))
		if capabilities&(1<<capSysAdmin) == 0 {
			t.Errorf("a privileged container has the capabilities %x", capabilities)
		}
	})
	t.Run("jobs", func(t *testing.T) { checkJobPod(t, i) })
}

// capSysAdmin is CAP_SYS_ADMIN in linux/capability.h, which includes mounting.
const capSysAdmin = 21

// engineIn returns the version in the pod's label: that of the image's tag, or
// nothing without a tag.
func engineIn(image, version string) string {
	if name, _, _ := strings.Cut(image, "@"); strings.Contains(name, ":") {
		return version
	}
	return ""
}

// pinned returns the image with its tag and its digest, as the cluster's
// registry has it. It returns the image unchanged if there is no such registry.
func pinned(t *testing.T, image string) string {
	t.Helper()
	if env.registry == "" {
		t.Log("the registry is not known: the image is not pinned")
		return image
	}
	name, tag, _ := strings.Cut(image, ":")
	request := got[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodHead, "http://"+env.registry+"/v2/library/"+name+"/manifests/"+tag, nil))
	answer := got[*http.Response](t)(http.DefaultClient.Do(request))
	answer.Body.Close()
	digest := answer.Header.Get("Docker-Content-Digest")
	if !strings.HasPrefix(digest, "sha256:") {
		t.Fatalf("the registry answers %s, digest %q", answer.Status, digest)
	}
	return image + "@" + digest
}

// probe is a script that prints what a process in the pod is and can do.
const probe = `id -u; grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status
if touch /made 2>/dev/null; then echo "root file system: writable"; else echo "root file system: read-only"; fi
if ls /var/run/secrets/kubernetes.io >/dev/null 2>&1; then echo "token: there"; else echo "token: none"; fi
touch /tmp/made && echo "tmp: writable"`

// checkJobPod runs the probe in the pod of the prune CronJob, and checks that
// Pod Security admits this pod and refuses the daemon's.
func checkJobPod(t *testing.T, i *installation) {
	cron := got[*batchv1.CronJob](t)(env.cluster.BatchV1().CronJobs(i.namespace).Get(t.Context(), i.name+"-clear-cache", metav1.GetOptions{}))
	template := cron.Spec.JobTemplate.Spec.Template
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{GenerateName: "probe-", Labels: template.Labels}, Spec: *template.Spec.DeepCopy()}
	pod.Spec.Containers[0].Command = []string{"sh", "-eu", "-c", probe}
	out := runPod(t, i.namespace, pod).want(t,
		"65534\n", "CapEff:\t0000000000000000\n", "CapBnd:\t0000000000000000\n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n",
		"root file system: read-only\n", "token: none\n", "tmp: writable\n")
	if strings.Contains(out.log, "writable\ntoken") {
		t.Errorf("got %s", out.log)
	}

	restricted := inNewNamespace(t, map[string]string{"pod-security.kubernetes.io/enforce": "restricted"})
	pods := env.cluster.CoreV1().Pods(restricted.namespace)
	dryRun := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	if _, err := pods.Create(t.Context(), pod, dryRun); err != nil {
		t.Errorf("Pod Security restricted refuses the prune pod: %v", err)
	}
	daemon := i.pod(t)
	daemon = &corev1.Pod{ObjectMeta: metav1.ObjectMeta{GenerateName: "daemon-"}, Spec: daemon.Spec}
	daemon.Spec.NodeName = ""
	if _, err := pods.Create(t.Context(), daemon, dryRun); err == nil || !strings.Contains(err.Error(), "violates PodSecurity") {
		t.Errorf("Pod Security restricted does not refuse the daemon's pod: %v", err)
	}
}
