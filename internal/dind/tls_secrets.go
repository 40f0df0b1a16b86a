package dind

import (
	corev1 "k8s.io/api/core/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
)

// CertificateSecret names a Secret with the certificate of the daemon or of its clients.
// Given means that somebody else issues it, for example cert-manager.
type CertificateSecret struct {
	Name  string
	Given bool
}

// CertificateSecrets are the Secrets of TLS.
type CertificateSecrets struct{ Server, Client CertificateSecret }

// SecretsOf returns the Secrets of TLS of an installation with these options.
func SecretsOf(name string, o Options) CertificateSecrets {
	if o.TLSSecret != "" {
		return CertificateSecrets{CertificateSecret{o.TLSSecret, true}, CertificateSecret{o.TLSClientSecret, true}}
	}
	if o.ReplicaOf != "" {
		name = o.ReplicaOf // replicas share the certificates
	}
	return CertificateSecrets{CertificateSecret{Name: ServerSecretName(name)}, CertificateSecret{Name: ClientSecretName(name)}}
}

// ServerSecretName returns the name of the Secret with the daemon's certificate, if
// dindctl issues it.
func ServerSecretName(name string) string { return name + "-server-tls" }

// ClientSecretName returns the name of the Secret with the client certificate for jobs,
// if dindctl issues it.
func ClientSecretName(name string) string { return name + "-client-tls" }

// IssuesCertificates reports whether dindctl issues the certificates of the installation.
// Replicas have those of the first.
func (o Options) IssuesCertificates() bool { return o.TLS && o.TLSSecret == "" && o.ReplicaOf == "" }

// KeyToFile is the key of a file in a Secret, and the name by which docker expects it.
type KeyToFile struct{ Key, File string }

// Keys returns the keys of the authority's certificate, the certificate and its key. Those
// of a given Secret are cert-manager's, and those of the type kubernetes.io/tls. See
// https://cert-manager.io/docs/usage/certificate/
func (s CertificateSecret) Keys() []KeyToFile {
	if s.Given {
		return []KeyToFile{{"ca.crt", caFile}, {corev1.TLSCertKey, certFile}, {corev1.TLSPrivateKeyKey, keyFile}}
	}
	return []KeyToFile{{caFile, caFile}, {certFile, certFile}, {keyFile, keyFile}}
}

// Files returns the data of a given Secret by the names of the files; that of another as
// it is.
func (s CertificateSecret) Files(data map[string][]byte) map[string][]byte {
	if !s.Given {
		return data
	}
	files := map[string][]byte{}
	for _, k := range s.Keys() {
		if content, there := data[k.Key]; there {
			files[k.File] = content
		}
	}
	return files
}

// mount mounts the certificates, without the CA key, in the pod's only container.
func (s CertificateSecret) mount(pod *applycore.PodSpecApplyConfiguration, path string) *applycore.SecretVolumeSourceApplyConfiguration {
	source := applycore.SecretVolumeSource().WithSecretName(s.Name)
	for _, k := range s.Keys() {
		source.WithItems(applycore.KeyToPath().WithKey(k.Key).WithPath(k.File))
	}
	pod.WithVolumes(applycore.Volume().WithName(certVolumeName).WithSecret(source))
	pod.Containers[0].WithVolumeMounts(
		applycore.VolumeMount().WithName(certVolumeName).WithMountPath(path).WithReadOnly(true))
	return source
}

// GivenCertificates reports whether the daemon in such a pod has a certificate that
// somebody else issues.
func GivenCertificates(pod corev1.PodSpec) bool {
	for _, volume := range pod.Volumes {
		if volume.Name == certVolumeName && volume.Secret != nil {
			return len(volume.Secret.Items) > 0 && volume.Secret.Items[0].Key != caFile
		}
	}
	return false
}
