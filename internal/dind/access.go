package dind

// Access is what a CI job needs to reach the daemon.
type Access struct {
	Variables []Variable
	// Certificates is what the job's pod has to mount; nil where the daemon
	// asks for none.
	Certificates *SecretMount
}

// AccessTo is what a job needs to reach this installation.
func AccessTo(namespace, name string, tls bool) Access {
	access := Access{Variables: Variables(namespace, name, tls)}
	if tls {
		access.Certificates = &SecretMount{Secret: ClientSecretName(name), Path: ClientCertPath}
	}
	return access
}

// SecretMount is a Secret of the job's own namespace and the directory that its
// keys are to be files in.
type SecretMount struct{ Secret, Path string }
