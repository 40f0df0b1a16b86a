package dind

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	applycore "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

// someCertificates returns fake certificates, which Build does not parse.
func someCertificates() CertificateFiles {
	files := func(whose string) map[string][]byte {
		return map[string][]byte{caFile: []byte("authority"), certFile: []byte(whose + " certificate"), keyFile: []byte(whose + " key")}
	}
	c := CertificateFiles{Server: files("server"), Client: files("client")}
	c.Server["ca-key.pem"] = []byte("authority's key")
	return c
}

func withTLS(o *Options) { o.TLS = true }

func TestTLSObjectsAgree(t *testing.T) {
	for _, tls := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls=%v", tls), func(t *testing.T) {
			manifests, err := mustBuild(t, installation{options: with(func(o *Options) { o.TLS = tls }), live: Live{Certificates: someCertificates()}}).YAML()
			if err != nil {
				t.Fatal(err)
			}
			d := decode(t, manifests)
			want := Port(tls)
			container := d.deployment.Spec.Template.Spec.Containers[0]
			ports := []int32{container.Ports[0].ContainerPort, d.service.Spec.Ports[0].Port, d.policy.Spec.Ingress[0].Ports[0].Port.IntVal}
			if !cmp.Equal(ports, []int32{want, want, want}) {
				t.Errorf("the ports of pod, Service and policy are %v, not %d", ports, want)
			}
			if plain := slices.Contains(container.Args, "--tls=false"); plain == tls {
				t.Errorf("the daemon's arguments are %q", container.Args)
			}
			if got := PodServesTLS(d.deployment.Spec.Template.Spec); got != tls {
				t.Errorf("PodServesTLS = %v", got)
			}
			if got := ServesTLS(nil, d.service); got != tls {
				t.Errorf("ServesTLS by the Service alone = %v", got)
			}
			if http := container.ReadinessProbe.HTTPGet != nil; http == tls {
				t.Error("the readiness probe must use HTTP only without TLS")
			}
			if got := len(d.secrets); got != map[bool]int{true: 2}[tls] {
				t.Errorf("%d Secrets", got)
			}
			job := d.cronJob.Spec.JobTemplate.Spec.Template.Spec
			env := map[string]string{}
			for _, v := range job.Containers[0].Env {
				env[v.Name] = v.Value
			}
			for _, v := range Variables(d.deployment.Namespace, d.deployment.Name, tls) {
				if value, set := env[v.Name]; !set || value != v.Value {
					t.Errorf("the prune pod has %s=%q, want %q", v.Name, value, v.Value)
				}
			}
			if got := mounts(job)[ClientCertPath]; (got == "docker-dind-client-tls") != tls {
				t.Errorf("the prune pod mounts %q at %s", got, ClientCertPath)
			}
		})
	}
}

// mounts returns the Secrets that a pod's first container mounts, by path.
func mounts(pod corev1.PodSpec) map[string]string {
	found := map[string]string{}
	for _, mount := range pod.Containers[0].VolumeMounts {
		for _, volume := range pod.Volumes {
			if volume.Name == mount.Name && volume.Secret != nil {
				found[mount.MountPath] = volume.Secret.SecretName
			}
		}
	}
	return found
}

// No pod may mount the CA key: a compromised build could issue certificates.
func TestNoPodMountsTheCAKey(t *testing.T) {
	manifests, err := mustBuild(t, installation{options: with(withTLS), live: Live{Certificates: someCertificates()}}).YAML()
	if err != nil {
		t.Fatal(err)
	}
	d := decode(t, manifests)
	for name, pod := range map[string]corev1.PodSpec{
		"the daemon's": d.deployment.Spec.Template.Spec, "the prune": d.cronJob.Spec.JobTemplate.Spec.Template.Spec,
	} {
		secrets := 0
		for _, volume := range pod.Volumes {
			if volume.Secret == nil {
				continue
			}
			secrets++
			var files []string
			for _, item := range volume.Secret.Items {
				files = append(files, item.Key+" "+item.Path)
			}
			if diff := cmp.Diff([]string{"ca.pem ca.pem", "cert.pem cert.pem", "key.pem key.pem"}, files); diff != "" {
				t.Errorf("%s pod mounts unexpected files of %s (-want +got):\n%s", name, volume.Secret.SecretName, diff)
			}
		}
		if secrets != 1 {
			t.Errorf("%s pod mounts %d Secrets", name, secrets)
		}
	}
	if _, has := d.secrets[1].Data["ca-key.pem"]; has || d.secrets[1].Name != "docker-dind-client-tls" {
		t.Errorf("the client's Secret %s contains the CA key", d.secrets[1].Name)
	}
}

func TestCopiesOfTheClientSecret(t *testing.T) {
	objects := mustBuild(t, installation{options: with(func(o *Options) {
		o.TLS, o.Namespace, o.AllowNamespaces = true, "ci", []string{"jobs", "ci", "more", "jobs"}
	}), live: Live{Certificates: someCertificates()}})
	var got []string
	live := &corev1.Secret{}
	for _, object := range objects {
		secret, is := object.(*applycore.SecretApplyConfiguration)
		if !is {
			continue
		}
		if *secret.Name == ClientSecretName("docker-dind") && *secret.Namespace == "ci" {
			live.Annotations = secret.Annotations
		}
		got = append(got, *secret.Namespace+"/"+*secret.Name+" "+secret.Labels[kube.HomeLabel])
	}
	want := []string{"ci/docker-dind-server-tls ", "ci/docker-dind-client-tls ", "jobs/docker-dind-client-tls ci", "more/docker-dind-client-tls ci"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"jobs", "more"}, Copies(live)); diff != "" {
		t.Errorf("the annotation does not list the copies:\n%s", diff)
	}
	if copies := Copies(&corev1.Secret{}); len(copies) != 0 {
		t.Errorf("a Secret without the annotation has copies: %q", copies)
	}
}

func TestTLSIsNotDisabledByOmission(t *testing.T) {
	served := func(tls bool) Live {
		o := mustBuild(t, installation{options: with(func(o *Options) { o.TLS = tls }), live: Live{Certificates: someCertificates()}})
		manifests, err := o.YAML()
		if err != nil {
			t.Fatal(err)
		}
		d := decode(t, manifests)
		return Live{Deployment: d.deployment, Service: d.service, Certificates: someCertificates()}
	}
	noDeployment := served(true)
	noDeployment.Deployment = nil
	empty := served(true)
	empty.Deployment = &appsv1.Deployment{}
	for _, test := range []struct {
		name    string
		options func(*Options)
		live    Live
		refused bool
	}{
		{"omitted, without TLS", func(*Options) {}, served(false), false},
		{"omitted, with TLS", func(*Options) {}, served(true), true},
		{"omitted, no Deployment", func(*Options) {}, noDeployment, true},
		{"omitted, Deployment without containers", func(*Options) {}, empty, true},
		{"kept", withTLS, served(true), false},
		{"disabled", func(o *Options) { o.NoTLS = true }, served(true), false},
		{"enabled", withTLS, served(false), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Build(with(test.options), test.live)
			if (err != nil) != test.refused {
				t.Errorf("Build: %v", err)
			}
		})
	}
}

func TestCertificateHash(t *testing.T) {
	before := someCertificates().Server
	for file, matters := range map[string]bool{caFile: true, certFile: true, "ca-key.pem": false} {
		after := someCertificates().Server
		after[file] = []byte("another")
		if changed := CertificateHash(before) != CertificateHash(after); changed != matters {
			t.Errorf("another %s changes the hash: %v", file, changed)
		}
	}
}

func TestAccessTo(t *testing.T) {
	want := Access{
		Name: "n", Ports: "20000-20999", Host: "n.n-pods.ns.svc",
		Variables: []Variable{
			{"DOCKER_HOST", "tcp://n.ns.svc:2376"}, {"DOCKER_TLS_CERTDIR", ""},
			{"DOCKER_TLS_VERIFY", "1"}, {"DOCKER_CERT_PATH", "/certs/client"},
			{"TESTCONTAINERS_HOST_OVERRIDE", "n.n-pods.ns.svc"},
		},
		Certificates: &SecretMount{Secret: CertificateSecret{Name: "n-client-tls"}, Path: "/certs/client"},
	}
	access := AccessTo(Options{Namespace: "ns", Name: "n", TLS: true, PublishPorts: "20000-20999"})
	for _, address := range []string{"'tcp://n.ns.svc:2376'", "'tcp://n.n-pods.ns.svc:2376'"} {
		if !strings.Contains(access.Script, address) {
			t.Errorf("the script does not have %s:\n%s", address, access.Script)
		}
	}
	access.Script, access.Replicas = "", 0
	if diff := cmp.Diff(want, access); diff != "" {
		t.Error(diff)
	}
	if plain := AccessTo(Options{Namespace: "ns", Name: "n"}); plain.Certificates != nil || len(plain.Variables) != 2 || plain.Host != "" {
		t.Errorf("without options: %+v", plain)
	}
}
