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

// The file names that docker's client and daemon expect.
const (
	caFile   = "ca.pem"
	certFile = "cert.pem"
	keyFile  = "key.pem"
)

const (
	// TLSPort is docker's conventional port with TLS.
	TLSPort = 2376
	// ClientCertPath is where jobs mount the client certificate.
	ClientCertPath = "/certs/client"
	// certDir is the value of DOCKER_TLS_CERTDIR for the daemon. The image's entrypoint
	// uses the certificates in its directory server, unless it finds ca/key.pem.
	certDir         = "/certs"
	certDirVariable = "DOCKER_TLS_CERTDIR"
	certVolumeName  = "docker-dind-certs-vol"
	socket          = "unix:///var/run/docker.sock"
	// CertificateHashAnnotation on the pod template restarts the pod when the
	// certificates change: the daemon reads them only when it starts.
	CertificateHashAnnotation = "dindctl/certificate-hash"
	// CopiesAnnotation on the client's Secret lists the namespaces with a copy of it,
	// separated by commas. It is written before the copies, so that none is missed.
	CopiesAnnotation = "dindctl/copied-to"
)

// CertificateFiles are the contents of the two Secrets by file name. The server's
// Secret also contains the CA key, which no pod mounts.
type CertificateFiles struct{ Server, Client map[string][]byte }

// ServerNames returns the host names of the daemon, or of all replicas that there may be.
func ServerNames(o Options) (names []string) {
	replicas := 1
	if o.ReplicaCount() > 1 {
		replicas = MaxReplicas
	}
	for _, name := range replicaNames(o.Name)[:replicas] {
		names = append(names,
			name+"."+o.Namespace+".svc", name+"."+o.Namespace+".svc.cluster.local",
			name+"."+o.Namespace, name, PodHost(o.Namespace, name))
	}
	return append(names, "localhost")
}

// CertificateHash returns a hash of the certificates that the daemon loads.
func CertificateHash(server map[string][]byte) string {
	sum := sha256.Sum256(slices.Concat(server[caFile], server[certFile]))
	return hex.EncodeToString(sum[:8])
}

// Copies returns the namespaces that have a copy of the client's Secret.
func Copies(client *corev1.Secret) []string {
	return strings.FieldsFunc(client.Annotations[CopiesAnnotation], func(r rune) bool { return r == ',' })
}

// ServesTLS reports whether the live installation uses TLS, judging by the pod, or by
// the Service if there is no Deployment. Both may be nil.
func ServesTLS(deployment *appsv1.Deployment, service *corev1.Service) bool {
	if daemonOf(deployment) != nil {
		return PodServesTLS(deployment.Spec.Template.Spec)
	}
	return service != nil && slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == TLSPort })
}

// PodServesTLS reports whether the daemon in such a pod uses TLS.
func PodServesTLS(pod corev1.PodSpec) bool {
	return slices.ContainsFunc(pod.Containers, func(c corev1.Container) bool {
		return slices.ContainsFunc(c.Env, func(v corev1.EnvVar) bool { return v.Name == certDirVariable && v.Value != "" })
	})
}

// Port returns the daemon's port.
func Port(tls bool) int32 {
	if tls {
		return TLSPort
	}
	return PlainPort
}

// checkTLS rejects disabling TLS by accident: an omitted option means its default,
// which would open the port to everyone.
func (p *plan) checkTLS(errs *OptionErrors, live Live) {
	if p.TLS || p.NoTLS || !ServesTLS(live.Deployment, live.Service) {
		return
	}
	errs.add("--tls", "", "is missing, but this installation uses TLS: without TLS anyone who can reach the port gets access, and jobs with certificates fail",
		"Use --tls to keep TLS, or --tls=false to disable it.")
}

// CopyNamespaces returns the other namespaces that get a copy of the client's Secret.
func CopyNamespaces(o Options) []string {
	if !o.IssuesCertificates() {
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

// clientCopies returns the copies of the client's Secret in other namespaces.
func (p plan) clientCopies() Objects {
	var copies Objects
	for _, namespace := range CopyNamespaces(p.Options) {
		labels := p.labels()
		labels[kube.HomeLabel] = p.Namespace
		copies = append(copies, applycore.Secret(ClientSecretName(p.Name), namespace).WithLabels(labels).WithData(p.certificates.Client))
	}
	return copies
}
