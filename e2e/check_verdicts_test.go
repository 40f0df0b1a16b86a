//go:build e2e

package e2e

import (
	"bytes"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Each verdict of `dindctl check`, as text and as a document. No check changes
// anything.
func TestCheckVerdicts(t *testing.T) {
	t.Parallel()
	t.Run("no problems", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		c := i.checkOf(t, done)
		for name, word := range map[string]string{
			"API server": "Kubernetes v1.", "permissions": "granted", "pod admission": "admitted",
			"storage class": defaultClass(t).Name, "names": "available", "claim": "will be created",
		} {
			c.says(t, name, "ok", word)
		}
		c.says(t, "network policy", "unknown", "the API does not show")
		equal(t, "namespace", c.Namespace, i.namespace)
		text := i.asText(t, done)
		for _, one := range c.Checks {
			contains(t, "the text", text, " "+one.Name+": "+one.Reason+"\n")
		}
		equal(t, "objects", i.leftOver(t), nil)

		i.install(t)
		i.checkOf(t, done).says(t, "names", "ok", "this installation")
		i.checkOf(t, done, "--no-network-policy").says(t, "network policy", "warning", "disabled")
	})
	t.Run("Pod Security", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, map[string]string{enforce: "restricted"})
		one := i.checkOf(t, notReady).says(t, "pod admission", "failed", `violates PodSecurity "restricted:latest"`, "privileged")
		contains(t, "hint", one.Hint, "kubectl label namespace "+i.namespace+" "+enforce+"=privileged")
		contains(t, "the text", i.asText(t, notReady), "✗ pod admission: ", "\n    "+one.Hint+"\n")
	})
	t.Run("unknown class", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		one := i.checkOf(t, notReady, "--storage-class", "e2e-nowhere").says(t, "storage class", "failed", `class "e2e-nowhere" does not exist`)
		contains(t, "hint", one.Hint, "--storage-class", defaultClass(t).Name)
	})
	// A proxy changes the API server's answer, because other tests need the
	// default class.
	t.Run("no default class", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		p := newInjector(t)
		p.rewrite(`/storageclasses$`, `storageclass.kubernetes.io/is-default-class`, `storageclass.kubernetes.io/no-default-class`)
		options := i.installOptions("--kubeconfig", p.kubeconfig)
		one := readCheck(t, dindctl(t, append(i.command("check", options...), "-o", "json")...).want(t, notReady)).
			says(t, "storage class", "failed", "the cluster has no default class")
		contains(t, "hint", one.Hint, "--storage-class", defaultClass(t).Name, "--local-path")
		r := dindctl(t, append(i.command("install", options...), "-o", "json")...).want(t, notReady)
		failureOf(t, r).finds(t, "storage class", "the cluster has no default class")
		equal(t, "objects", i.leftOver(t), nil)
	})
	// overlay2 does not work on a network file system.
	t.Run("network file system", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		makeClass(t, i.namespace, "e2e.example.com/nfs")
		one := i.checkOf(t, done, "--storage-class", i.namespace).says(t, "storage class", "warning", i.namespace, "network file system", "overlay2")
		contains(t, "hint", one.Hint, "--storage-class")
	})
	t.Run("missing node", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		options := []string{"--local-path", "/var/lib/e2e", "--local-node", "e2e-nowhere"}
		one := i.checkOf(t, notReady, options...).says(t, "node", "failed", `node "e2e-nowhere" does not exist`)
		contains(t, "hint", one.Hint, "kubectl get nodes")
		options[3] = anyNode(t)
		i.checkOf(t, done, options...).says(t, "node", "ok", options[3], "can take the pod")
	})
	t.Run("names in use", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		makeClaim(t, i.namespace, i.name+"-data")
		config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: i.name + "-config"}}
		_, err := env.cluster.CoreV1().ConfigMaps(i.namespace).Create(t.Context(), config, metav1.CreateOptions{})
		must(t, err)
		one := i.checkOf(t, notReady).says(t, "names", "failed", "dindctl did not create", "persistentvolumeclaim/docker-dind-data", "configmap/docker-dind-config")
		contains(t, "hint", one.Hint, "--name")
		i.checkOf(t, done, "--name", "other").says(t, "names", "ok", "available")
	})
	t.Run("missing claim", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		one := i.checkOf(t, notReady, "--existing-claim", "e2e-nowhere").says(t, "claim", "failed", "e2e-nowhere does not exist")
		contains(t, "hint", one.Hint, "kubectl get pvc")
	})
	t.Run("missing namespace", func(t *testing.T) {
		t.Parallel()
		i := newInstallation(t, env.newest())
		one := i.checkOf(t, notReady).says(t, "pod admission", "failed", "namespace "+i.namespace+" does not exist")
		contains(t, "hint", one.Hint, "--create-namespace")
		i.checkOf(t, done, "--create-namespace").says(t, "pod admission", "unknown", "until the namespace exists")
		f := i.failedInstall(t)
		f.finds(t, "pod admission", "does not exist")
	})
	t.Run("ReadWriteMany claim", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		localClaim(t, i.namespace, "shared", corev1.ReadWriteMany)
		i.checkOf(t, done, "--existing-claim", "shared").says(t, "claim", "warning", "shared is ReadWriteMany", "network file system")
	})
}

// asText returns the text output of check. Its last line must say whether an install
// would work.
func (i *installation) asText(t *testing.T, code int, options ...string) string {
	t.Helper()
	r := dindctl(t, i.command("check", i.installOptions(options...)...)...).want(t, code)
	verdict := "Ready to install.\n"
	if code != done {
		verdict = "Not ready to install.\n"
	}
	if !strings.HasSuffix(r.stdout, verdict) {
		t.Errorf("the text does not end with %q:\n%s", verdict, r.stdout)
	}
	return r.stdout
}

// rewrite replaces a text in the answers to requests whose path matches. Both
// texts must have the same length, because protobuf encodes lengths.
func (p *injector) rewrite(path, old, new string) {
	if len(old) != len(new) {
		panic("texts of different lengths: " + old + ", " + new)
	}
	pattern := regexp.MustCompile(path)
	p.reverse.ModifyResponse = func(r *http.Response) error {
		if !pattern.MatchString(r.Request.URL.Path) {
			return nil
		}
		body, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		r.Body = io.NopCloser(bytes.NewReader(bytes.ReplaceAll(body, []byte(old), []byte(new))))
		return err
	}
}
