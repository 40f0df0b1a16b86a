//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

// guide is an installation made from instructions on the web: the object names
// are dindctl's, and each guide adds something.
type guide struct {
	name     string
	manifest string
	// options are those with which dindctl keeps the settings of the guide.
	options []string
	// local is set if the guide includes a Local volume.
	local bool
}

// guides returns both guides.
func guides() []guide {
	return []guide{
		{name: "dynamic", manifest: dynamicGuide},
		{name: "local", manifest: localGuide, options: []string{"--storage-driver", "overlay2"}, local: true},
	}
}

// guideShared is the part that both guides share. The additional variable, port
// and volume are what people add manually.
const guideShared = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: docker-dind
  labels: {app: docker-dind}
spec:
  replicas: 1
  selector: {matchLabels: {app: docker-dind}}
  template:
    metadata:
      labels: {app: docker-dind}
    spec:
      containers:
      - name: docker-dind
        image: IMAGE
        args: ["--tls=false", "--registry-mirror=http://REGISTRY", "--insecure-registry=REGISTRY"]
        securityContext: {privileged: true}
        env:
        - {name: DOCKER_TLS_CERTDIR, value: ""}
        - {name: DOCKER_DRIVER, value: "$DRIVER"}
        - {name: ADDED_BY_HAND, value: "a password"}
        ports:
        - {name: daemon-port, containerPort: 2375}
        - {name: metrics, containerPort: 9323}
        volumeMounts:
        - {name: docker-dind-data-vol, mountPath: /var/lib/docker}
        - {name: scratch, mountPath: /scratch}
      volumes:
      - name: docker-dind-data-vol
        persistentVolumeClaim: {claimName: docker-dind-data}
      - name: scratch
        emptyDir: {}
---
apiVersion: v1
kind: Service
metadata:
  name: docker-dind
spec:
  selector: {app: docker-dind}
  ports:
  - {protocol: TCP, port: 2375, targetPort: 2375}
---
apiVersion: batch/v1
kind: CronJob
metadata:
  name: docker-dind-clear-cache
spec:
  schedule: "0 0 * * 0"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: OnFailure
          containers:
          - name: docker-cli
            image: IMAGE
            command: ["docker", "system", "prune", "-af"]
            env:
            - {name: DOCKER_HOST, value: "tcp://docker-dind:2375"}
`

const dynamicGuide = `
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: docker-dind-data
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 100Gi}}
---
` + guideShared

const localGuide = `
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: NAMESPACE-local-storage
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: v1
kind: PersistentVolume
metadata:
  name: NAMESPACE-pv
spec:
  capacity: {storage: 100Gi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: NAMESPACE-local-storage
  local: {path: DIRECTORY}
  nodeAffinity:
    required:
      nodeSelectorTerms:
      - matchExpressions:
        - {key: kubernetes.io/hostname, operator: In, values: [NODE]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: docker-dind-data
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: NAMESPACE-local-storage
  resources: {requests: {storage: 100Gi}}
---
` + guideShared

// objectsOf fills in the manifest of a guide and splits it into objects.
func objectsOf(t *testing.T, i *installation, g guide) []*unstructured.Unstructured {
	t.Helper()
	driver, registry := "", "mirror.example.com"
	if g.local {
		driver = "overlay2"
	}
	if env.registry != "" {
		registry = env.registry
	}
	manifest := strings.NewReplacer("NAMESPACE", i.namespace, "IMAGE", i.image, "REGISTRY", registry, "$DRIVER", driver,
		"DIRECTORY", "/var/lib/"+i.namespace, "NODE", anyNode(t)).Replace(g.manifest)
	var objects []*unstructured.Unstructured
	for _, document := range strings.Split(manifest, "\n---\n") {
		object := &unstructured.Unstructured{}
		must(t, yaml.Unmarshal([]byte(document), &object.Object))
		if _, namespaced := kinds[strings.ToLower(object.GetKind())]; namespaced {
			object.SetNamespace(i.namespace)
		}
		objects = append(objects, object)
	}
	return objects
}

// tool is a way to create objects in a cluster. The tools leave different
// managedFields, labels and annotations.
type tool struct {
	name  string
	bring func(t *testing.T, object *unstructured.Unstructured)
}

func tools() []tool {
	return []tool{
		{"kubectl apply", func(t *testing.T, object *unstructured.Unstructured) {
			// It stores the manifest in an annotation; see
			// https://kubernetes.io/docs/tasks/manage-kubernetes-objects/declarative-config/
			var manifest bytes.Buffer
			must(t, json.NewEncoder(&manifest).Encode(object.Object))
			object.SetAnnotations(map[string]string{"kubectl.kubernetes.io/last-applied-configuration": manifest.String()})
			create(t, object, "kubectl-client-side-apply")
		}},
		{"kubectl apply --server-side", func(t *testing.T, object *unstructured.Unstructured) {
			_, err := clientFor(t, object).Apply(t.Context(), object.GetName(), object, metav1.ApplyOptions{FieldManager: "kubectl"})
			must(t, err)
		}},
		{"helm", func(t *testing.T, object *unstructured.Unstructured) {
			object.SetLabels(merge(object.GetLabels(), map[string]string{"app.kubernetes.io/managed-by": "Helm", "helm.sh/chart": "dind-1.0.0"}))
			object.SetAnnotations(map[string]string{"meta.helm.sh/release-name": "dind", "meta.helm.sh/release-namespace": object.GetNamespace()})
			create(t, object, "helm")
		}},
		{"kubectl create, and an edit", func(t *testing.T, object *unstructured.Unstructured) {
			create(t, object, "kubectl-create")
			if object.GetKind() == "CronJob" {
				oldCronJob(t, object)
			}
		}},
	}
}

// oldCronJob gives the CronJob the field ownership of one that was created as
// batch/v1beta1, a version that is no longer served, and then edits it.
func oldCronJob(t *testing.T, object *unstructured.Unstructured) {
	t.Helper()
	live := got[*unstructured.Unstructured](t)(clientFor(t, object).Get(t.Context(), object.GetName(), metav1.GetOptions{}))
	managed := live.GetManagedFields()
	for n := range managed {
		managed[n].APIVersion = "batch/v1beta1"
	}
	patch := got[[]byte](t)(json.Marshal([]map[string]any{{"op": "replace", "path": "/metadata/managedFields", "value": managed}}))
	_, err := clientFor(t, object).Patch(t.Context(), object.GetName(), types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: "kubectl-edit"})
	must(t, err)
	patch = []byte(`[{"op":"add","path":"/spec/jobTemplate/spec/template/spec/containers/0/args","value":["--force"]}]`)
	_, err = clientFor(t, object).Patch(t.Context(), object.GetName(), types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: "kubectl-edit"})
	must(t, err)
}

func create(t *testing.T, object *unstructured.Unstructured, manager string) {
	t.Helper()
	_, err := clientFor(t, object).Create(t.Context(), object, metav1.CreateOptions{FieldManager: manager})
	must(t, err)
}

func merge(a, b map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range []map[string]string{a, b} {
		for key, value := range m {
			all[key] = value
		}
	}
	return all
}
