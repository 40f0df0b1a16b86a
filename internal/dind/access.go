package dind

import (
	"fmt"
	"strconv"
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
	// Replicas is their number.
	Replicas int
	// Script is a shell script for the beginning of a job: it waits while the daemon takes
	// no new jobs. With several replicas it also sets DOCKER_HOST to that of the project's
	// replica, and changes TESTCONTAINERS_HOST_OVERRIDE with it. It never fails, and works
	// under set -eu.
	Script string
}

// AccessTo returns what a job needs to connect to the installation with these options:
// Namespace, Name, Replicas, PublishPorts and those of TLS count.
func AccessTo(o Options) Access {
	access := Access{
		Name: o.Name, Variables: Variables(o.Namespace, o.Name, o.TLS), Ports: o.PublishPorts,
		Replicas: o.ReplicaCount(), Script: o.jobScript(),
	}
	if o.PublishPorts != "" {
		access.Host = PodHost(o.Namespace, o.Name)
		access.Variables = append(access.Variables, Variable{Name: "TESTCONTAINERS_HOST_OVERRIDE", Value: access.Host})
	}
	if o.TLS {
		access.Certificates = &SecretMount{SecretsOf(o.Name, o).Client, ClientCertPath}
	}
	return access
}

// jobScript returns the script for the beginning of a job. With several replicas it is the
// same for any number of them.
func (o Options) jobScript() string {
	script := jobScript
	if o.ReplicaCount() > 1 {
		script = jobReplicasScript
	}
	_, script, _ = strings.Cut(script, "\n") // without the line for shellcheck
	port := strconv.Itoa(int(Port(o.TLS)))
	return strings.NewReplacer(
		"SERVICE", Endpoint(o.Namespace, o.Name, o.TLS), "POD", "tcp://"+PodHost(o.Namespace, o.Name)+":"+port,
		"NAMESPACE", o.Namespace, "PORT", port, "FIRST", o.Name,
	).Replace(script)
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
