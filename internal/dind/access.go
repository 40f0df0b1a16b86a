package dind

import "fmt"

// Access is what a CI job needs to connect to the daemon.
type Access struct {
	Variables    []Variable
	Certificates *SecretMount // nil without TLS
}

// AccessTo returns what a job needs to connect to this installation.
func AccessTo(namespace, name string, tls bool) Access {
	access := Access{Variables: Variables(namespace, name, tls)}
	if tls {
		access.Certificates = &SecretMount{Secret: ClientSecretName(name), Path: ClientCertPath}
	}
	return access
}

// SecretMount is a Secret in the job's namespace and the directory to mount it at.
type SecretMount struct{ Secret, Path string }

// Endpoint returns the value of DOCKER_HOST for jobs in the cluster.
func Endpoint(namespace, name string, tls bool) string {
	return fmt.Sprintf("tcp://%s.%s.svc:%d", name, namespace, Port(tls))
}

// Variable is one environment variable for CI jobs.
type Variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Variables returns the variables that a CI job must set, in the order in which to
// print them. DOCKER_TLS_CERTDIR must be empty: otherwise the entrypoint of a docker
// image looks for other certificates and for port 2376.
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
