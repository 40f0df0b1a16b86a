//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Installations made from both guides with each tool. Without --adopt, install
// refuses and lists what would change. With --adopt, it takes the objects over
// in place: the claim and the cache stay, the pod is replaced once, nothing of
// the old manifest remains, and the next install finds nothing to change.
func TestAdopt(t *testing.T) {
	t.Parallel()
	for _, g := range guides() {
		for _, tool := range tools() {
			t.Run(g.name+" by "+tool.name, func(t *testing.T) {
				t.Parallel()
				adopt(t, g, tool)
			})
		}
	}
}

// adopt tests one guide and one tool.
func adopt(t *testing.T, g guide, tool tool) {
	i := newInstallation(t, env.newest())
	createNamespace(t, i.namespace)
	if g.local {
		directory := "/var/lib/" + i.namespace
		onNode(t, i.namespace, anyNode(t), directory, "true")
		defer onNode(t, i.namespace, anyNode(t), "/var/lib", "rm -rf /dir/"+i.namespace)
		defer removeClass(t, i.namespace+"-local-storage")
	}
	for _, object := range objectsOf(t, i, g) {
		tool.bring(t, object)
	}
	i.settle(t)
	i.variables = map[string]string{"DOCKER_HOST": "tcp://docker-dind:2375", "DOCKER_TLS_CERTDIR": ""}
	i.buildsCold(t, "before")
	claim, pod := i.claim(t), i.pod(t)

	checkRefusal(t, i, g)
	preview := decode[installed](t, succeed(t, i.command("install", i.installOptions(append(g.options, "--adopt", "--dry-run", "-o", "json")...)...)...))

	r := succeed(t, i.command("install", i.installOptions(append(g.options, "--adopt", "-o", "json")...)...)...)
	outcome := decode[installed](t, r)
	equal(t, "changes", outcome.changesByName(), map[string]string{
		"PersistentVolumeClaim docker-dind-data": "adopted", "ConfigMap docker-dind-config": "created", "Deployment docker-dind": "adopted",
		"Service docker-dind": "adopted", "Service docker-dind-pods": "created", "CronJob docker-dind-clear-cache": "adopted", "NetworkPolicy docker-dind": "created",
	})
	equal(t, "fields in the dry run", preview.fields(t), outcome.fields(t))
	if strings.Contains(r.stdout+r.stderr, "a password") {
		t.Errorf("a value of a variable is shown:\n%s%s", r.stdout, r.stderr)
	}

	i.variables = outcome.Variables
	equal(t, "claim", i.claim(t).UID, claim.UID)
	i.buildsCached(t, "before", "after adopting")
	if now := i.pod(t); now.UID == pod.UID {
		t.Error("the pod was not replaced")
	}
	equal(t, "ReplicaSets", len(i.replicaSets(t)), 2)
	checkNothingLeft(t, i)
	checkOwnership(t, i)

	i.settle(t)
	before := i.objects(t)
	again := decode[installed](t, succeed(t, i.command("install", i.installOptions(append(g.options, "-o", "json")...)...)...))
	equal(t, "changes of the second install", again.changes(), []string{"unchanged"})
	equal(t, "objects after the second install", i.objects(t), before)
}

// checkRefusal checks that an install without --adopt fails and changes
// nothing.
func checkRefusal(t *testing.T, i *installation, g guide) {
	t.Helper()
	before := i.objects(t)
	r := dindctl(t, i.command("install", i.installOptions(g.options...)...)...).want(t, failed)
	r.says(t, "not created by dindctl", "--adopt", "~ deployment/docker-dind", "spec.strategy.type: RollingUpdate → Recreate",
		"containers[name=docker-cli]: removed", "env[name=ADDED_BY_HAND]: removed", "volumes[name=scratch]: removed")
	equal(t, "stdout", r.stdout, "")
	r = dindctl(t, i.command("install", i.installOptions(append(g.options, "-o", "json")...)...)...).want(t, failed)
	failure := decode[map[string]struct {
		Reason  string
		Objects []struct {
			Kind   string
			Fields []map[string]any
		}
	}](t, r)["error"]
	fields := map[string]int{}
	for _, object := range failure.Objects {
		fields[object.Kind] = len(object.Fields)
	}
	if failure.Reason != "NotOwned" || len(fields) != 4 || fields["Deployment"] < 10 {
		t.Errorf("the document does not list the changes:\n%s", r.stdout)
	}
	equal(t, "objects after a refusal", i.objects(t), before)
}

func (i *installation) replicaSets(t *testing.T) []appsv1.ReplicaSet {
	t.Helper()
	return got[*appsv1.ReplicaSetList](t)(env.cluster.AppsV1().ReplicaSets(i.namespace).List(t.Context(), metav1.ListOptions{})).Items
}

// checkNothingLeft checks that the containers, volumes, variables, ports and
// mounts are those of a new installation.
func checkNothingLeft(t *testing.T, i *installation) {
	t.Helper()
	d := got[*appsv1.Deployment](t)(env.cluster.AppsV1().Deployments(i.namespace).Get(t.Context(), i.name, metav1.GetOptions{}))
	equal(t, "strategy", d.Spec.Strategy, appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType})
	pod := d.Spec.Template.Spec
	equal(t, "containers", entriesOf(pod), []string{
		"container docker-dind", "env DINDCTL_NODE_ADDRESS", "env DOCKER_TLS_CERTDIR", "mount /etc/dindctl", "mount /var/lib/docker",
		"port daemon-port 2375", "volume docker-dind-config-vol", "volume docker-dind-data-vol",
	})
	c := got[*batchv1.CronJob](t)(env.cluster.BatchV1().CronJobs(i.namespace).Get(t.Context(), i.name+"-clear-cache", metav1.GetOptions{}))
	equal(t, "the prune containers", entriesOf(c.Spec.JobTemplate.Spec.Template.Spec), []string{
		"container clear-cache", "env DOCKER_HOST", "env DOCKER_TLS_CERTDIR", "env HOME", "env PRUNE_UNUSED_FOR", "mount /etc/dindctl", "mount /tmp",
		"volume docker-dind-config-vol", "volume tmp",
	})
	s := got[*corev1.Service](t)(env.cluster.CoreV1().Services(i.namespace).Get(t.Context(), i.name, metav1.GetOptions{}))
	if len(s.Spec.Ports) != 1 || s.Spec.Ports[0].Name != "daemon-port" || s.Spec.Ports[0].TargetPort.StrVal != "daemon-port" {
		t.Errorf("the Service's ports: %+v", s.Spec.Ports)
	}
}

// entriesOf lists the parts of a pod. It leaves out DOCKER_DRIVER, which is an
// option.
func entriesOf(pod corev1.PodSpec) []string {
	var entries []string
	for _, volume := range pod.Volumes {
		entries = append(entries, "volume "+volume.Name)
	}
	for _, container := range slices.Concat(pod.InitContainers, pod.Containers) {
		entries = append(entries, "container "+container.Name)
		for _, variable := range container.Env {
			if variable.Name != "DOCKER_DRIVER" {
				entries = append(entries, "env "+variable.Name)
			}
		}
		for _, port := range container.Ports {
			data, _ := json.Marshal(port.ContainerPort)
			entries = append(entries, "port "+port.Name+" "+string(data))
		}
		for _, mount := range container.VolumeMounts {
			entries = append(entries, "mount "+mount.MountPath)
		}
	}
	slices.Sort(entries)
	return entries
}

// checkOwnership checks that no label, annotation or field ownership of the
// tools remains.
func checkOwnership(t *testing.T, i *installation) {
	t.Helper()
	core := env.cluster.CoreV1()
	for name, object := range map[string]metav1.Object{
		"claim":      i.claim(t),
		"Deployment": got[*appsv1.Deployment](t)(env.cluster.AppsV1().Deployments(i.namespace).Get(t.Context(), i.name, metav1.GetOptions{})),
		"Service":    got[*corev1.Service](t)(core.Services(i.namespace).Get(t.Context(), i.name, metav1.GetOptions{})),
		"CronJob":    got[*batchv1.CronJob](t)(env.cluster.BatchV1().CronJobs(i.namespace).Get(t.Context(), i.name+"-clear-cache", metav1.GetOptions{})),
	} {
		equal(t, name+": managed by", object.GetLabels()["app.kubernetes.io/managed-by"], "dindctl")
		for key := range merge(object.GetLabels(), object.GetAnnotations()) {
			if strings.Contains(key, "helm.sh/") || strings.HasPrefix(key, "kubectl.kubernetes.io/") {
				t.Errorf("%s still has %s", name, key)
			}
		}
		for _, entry := range object.GetManagedFields() {
			var fields map[string]any
			must(t, json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields))
			others := entry.Manager != "dindctl" && entry.Manager != "kube-controller-manager"
			if _, spec := fields["f:spec"]; others && spec && name != "claim" {
				t.Errorf("%s: %s (%s) still owns parts of the specification", name, entry.Manager, entry.Operation)
			}
			if entry.APIVersion == "batch/v1beta1" {
				t.Errorf("%s: %s owns fields of batch/v1beta1", name, entry.Manager)
			}
		}
	}
}

// An install continues an adoption that was killed between taking over and
// applying.
func TestAdoptAfterKill(t *testing.T) {
	t.Parallel()
	i := newInstallation(t, env.newest())
	createNamespace(t, i.namespace)
	for _, object := range objectsOf(t, i, guides()[0]) {
		tools()[0].bring(t, object)
	}
	claim := i.claim(t)
	line := i.command("install", i.installOptions("--adopt", "-o", "json")...)
	for n := 1; n <= 3; n++ {
		c := prepare(t, nil, line...).start(t)
		eventually(t, "the first change", func(ctx context.Context) (bool, error) {
			s, err := env.cluster.CoreV1().Services(i.namespace).Get(ctx, i.name, metav1.GetOptions{})
			return err != nil || slices.ContainsFunc(s.ManagedFields, func(e metav1.ManagedFieldsEntry) bool { return e.Manager == "dindctl" }), err
		})
		_ = c.Process.Kill()
		c.wait(t)
	}
	succeed(t, line...)
	equal(t, "claim", i.claim(t).UID, claim.UID)
	checkNothingLeft(t, i)
	checkOwnership(t, i)
}
