package dind

import "fmt"

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

// Endpoint is the daemon's address for jobs in the cluster, the value of
// DOCKER_HOST.
func Endpoint(namespace, name string, tls bool) string {
	return fmt.Sprintf("tcp://%s.%s.svc:%d", name, namespace, port(tls))
}

// Variable is one environment variable for CI jobs.
type Variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Variables are what a CI job must set to reach the daemon, in the order they
// are printed. DOCKER_TLS_CERTDIR is empty on purpose: without it a docker
// image's entrypoint looks for certificates of its own and port 2376, and with
// TLS the other two say where they are.
func Variables(namespace, name string, tls bool) []Variable {
	variables := []Variable{
		{Name: "DOCKER_HOST", Value: Endpoint(namespace, name, tls)},
		{Name: certDirVariable, Value: ""},
	}
	if tls {
		variables = append(variables,
			Variable{Name: "DOCKER_TLS_VERIFY", Value: "1"},
			Variable{Name: "DOCKER_CERT_PATH", Value: ClientCertPath})
	}
	return variables
}
