package dind

import (
	"fmt"
	"strings"
)

// Access is what a CI job needs to connect to the daemon.
type Access struct {
	Name         string // of the installation
	Variables    []Variable
	Certificates *SecretMount // nil without TLS
	// Ports are those that jobs may publish, FROM-TO, and Host is where they reach them;
	// both are empty without PublishPorts.
	Ports, Host string
	// Wait is a shell script for the beginning of a job: it waits while the daemon takes no
	// new jobs. It never fails, and works under set -eu.
	Wait string
}

// AccessTo returns what a job needs to connect to the installation with these options:
// Namespace, Name, PublishPorts and those of TLS count.
func AccessTo(o Options) Access {
	access := Access{Name: o.Name, Variables: Variables(o.Namespace, o.Name, o.TLS), Ports: o.PublishPorts}
	pod := fmt.Sprintf("tcp://%s:%d", PodHost(o.Namespace, o.Name), Port(o.TLS))
	_, script, _ := strings.Cut(jobScript, "\n") // without the line for shellcheck
	access.Wait = strings.NewReplacer("SERVICE", Endpoint(o.Namespace, o.Name, o.TLS), "POD", pod).Replace(script)
	if o.PublishPorts != "" {
		access.Host = PodHost(o.Namespace, o.Name)
		access.Variables = append(access.Variables, Variable{Name: "TESTCONTAINERS_HOST_OVERRIDE", Value: access.Host})
	}
	if o.TLS {
		access.Certificates = &SecretMount{SecretsOf(o.Name, o).Client, ClientCertPath}
	}
	return access
}

// SecretMount is a Secret in the job's namespace and the directory to mount it at.
type SecretMount struct {
	Secret CertificateSecret
	Path   string
}

// Endpoint returns the value of DOCKER_HOST for jobs in the cluster.
func Endpoint(namespace, name string, tls bool) string {
	return fmt.Sprintf("tcp://%s.%s.svc:%d", name, namespace, Port(tls))
}

// Variable is one environment variable for CI jobs.
type Variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Variables returns the variables with which a client connects, in the order in which to
// print them. DOCKER_TLS_CERTDIR must be empty: otherwise the entrypoint of a docker image
// looks for other certificates and for port 2376.
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
