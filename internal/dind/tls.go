package dind

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

// The files of a directory of certificates, as docker's client and daemon both
// look for them.
const (
	caFile   = "ca.pem"
	certFile = "cert.pem"
	keyFile  = "key.pem"
)

const (
	// TLSPort is the daemon's port with TLS, by docker's own convention.
	TLSPort = 2376
	// ClientCertPath is where jobs find the client's certificates.
	ClientCertPath = "/certs/client"
	// certDir is where the image's entrypoint looks for the directory server.
	// It makes an authority of its own only where it finds ca/key.pem or no
	// certificates at all, so it takes ours as they are.
	certDir            = "/certs"
	serverCertPath     = certDir + "/server"
	certVolumeName     = "docker-dind-certs-vol"
	socket             = "unix:///var/run/docker.sock"
	certDirVariable    = "DOCKER_TLS_CERTDIR"
	readOnlyByRootMode = 0o400
)

const (
	// CertificateHashAnnotation is on the pod template: the daemon reads its
	// certificates once, as it starts, so new ones must roll the pod.
	CertificateHashAnnotation = "dindctl/certificate-hash"
	// CopiesAnnotation is on the client's Secret and lists the other namespaces
	// that have a copy of it, with commas. It is there before the copies are,
	// so that none is ever left behind unknown.
	CopiesAnnotation = "dindctl/copied-to"
)

// Certificates are the contents of the two Secrets, by file name. The server's
// has a file that no pod gets, the authority's key.
type Certificates struct{ Server, Client map[string][]byte }

// ServerSecretName is the name of the Secret with the daemon's certificates.
func ServerSecretName(name string) string { return name + "-server-tls" }

// ClientSecretName is the name of the Secret with the jobs' certificates.
func ClientSecretName(name string) string { return name + "-client-tls" }

// ServerNames are all names that the daemon can be reached by.
func ServerNames(namespace, name string) []string {
	return []string{
		name + "." + namespace + ".svc", name + "." + namespace + ".svc.cluster.local",
		name + "." + namespace, name, "localhost",
	}
}

// CertificateHash changes when what the daemon has to load does.
func CertificateHash(server map[string][]byte) string {
	sum := sha256.Sum256(slices.Concat(server[caFile], server[certFile]))
	return hex.EncodeToString(sum[:8])
}

// Copies are the namespaces that have a copy of the client's Secret.
func Copies(client *corev1.Secret) []string {
	return strings.FieldsFunc(client.Annotations[CopiesAnnotation], func(r rune) bool { return r == ',' })
}

// ServesTLS tells whether the installation that is there speaks TLS: by its
// pod, or where that is gone by its Service. Either may be nil.
func ServesTLS(deployment *appsv1.Deployment, service *corev1.Service) bool {
	if daemonOf(deployment) != nil {
		return PodServesTLS(deployment.Spec.Template.Spec)
	}
	return service != nil && slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == TLSPort })
}

// PodServesTLS tells whether the daemon in such a pod speaks TLS.
func PodServesTLS(pod corev1.PodSpec) bool {
	return slices.ContainsFunc(pod.Containers, func(c corev1.Container) bool {
		return slices.ContainsFunc(c.Env, func(v corev1.EnvVar) bool { return v.Name == certDirVariable && v.Value != "" })
	})
}

// port is the daemon's.
func port(tls bool) int32 {
	if tls {
		return TLSPort
	}
	return PlainPort
}

// checkTLS refuses to switch TLS off because nobody thought of it: options that
// are left out go back to their defaults, and here that would open the port.
func (p *plan) checkTLS(ps *Problems, live Live) {
	if p.TLS || p.NoTLS || !ServesTLS(live.Deployment, live.Service) {
		return
	}
	ps.add("--tls", "", "was left out, and the installation has it: without it, whoever reaches the port is let in, and jobs that bring certificates fail",
		"Give --tls to keep it, or --tls=false to switch it off.")
}

// CopyNamespaces returns the other namespaces whose jobs get a copy of the
// client's Secret.
func CopyNamespaces(o Options) []string {
	if !o.TLS {
		return nil
	}
	return slices.DeleteFunc(unique(o.AllowNamespaces), func(namespace string) bool { return namespace == o.Namespace })
}

func (p plan) serverSecret() *applycore.SecretApplyConfiguration {
	return applycore.Secret(ServerSecretName(p.Name), p.Namespace).WithLabels(p.labels()).WithData(p.certificates.Server)
}

func (p plan) clientSecret() *applycore.SecretApplyConfiguration {
	secret := applycore.Secret(ClientSecretName(p.Name), p.Namespace).WithLabels(p.labels()).WithData(p.certificates.Client)
	if others := CopyNamespaces(p.Options); len(others) > 0 {
		secret.WithAnnotations(map[string]string{CopiesAnnotation: strings.Join(others, ",")})
	}
	return secret
}

// clientCopies are the client's Secret in the other namespaces that may reach the
// daemon.
func (p plan) clientCopies() Objects {
	var copies Objects
	for _, namespace := range CopyNamespaces(p.Options) {
		labels := p.labels()
		labels[kube.HomeLabel] = p.Namespace
		copies = append(copies, applycore.Secret(ClientSecretName(p.Name), namespace).WithLabels(labels).WithData(p.certificates.Client))
	}
	return copies
}

// secretVolume is a directory of certificates; the authority's key is not among
// the files that it takes.
func secretVolume(secret string) *applycore.VolumeApplyConfiguration {
	source := applycore.SecretVolumeSource().WithSecretName(secret)
	for _, file := range []string{caFile, certFile, keyFile} {
		source.WithItems(applycore.KeyToPath().WithKey(file).WithPath(file))
	}
	return applycore.Volume().WithName(certVolumeName).WithSecret(source)
}

// mountCertificates gives the daemon's pod the server's certificates.
func (p plan) mountCertificates(pod *applycore.PodSpecApplyConfiguration) {
	volume := secretVolume(ServerSecretName(p.Name))
	volume.Secret.WithDefaultMode(readOnlyByRootMode)
	pod.WithVolumes(volume)
	pod.Containers[0].WithVolumeMounts(
		applycore.VolumeMount().WithName(certVolumeName).WithMountPath(serverCertPath).WithReadOnly(true))
}
