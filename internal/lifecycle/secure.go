package lifecycle

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/cluster"
	"github.com/dindctl/dindctl/internal/dind"
)

// engine connects to the daemon in a pod, with the jobs' certificates where
// that pod's daemon wants some.
func (i Instance) engine(ctx context.Context, pod *corev1.Pod) (Engine, error) {
	var credentials *tls.Config
	if dind.PodServesTLS(pod.Spec) {
		var err error
		if credentials, err = i.credentials(ctx); err != nil {
			return nil, err
		}
	}
	return i.Engine(ctx, i.Cluster, pod.Name, credentials)
}

// credentials are what a job has: the client's certificates, from their Secret,
// and the name that it knows the daemon by.
func (i Instance) credentials(ctx context.Context) (*tls.Config, error) {
	name := dind.ClientSecretName(i.Name)
	found, err := i.Cluster.Read(ctx, cluster.Names{ClientSecret: name})
	if err != nil {
		return nil, err
	}
	if found.ClientSecret == nil {
		return nil, fmt.Errorf("the daemon wants a certificate, and secret/%s, which has it, does not exist", name)
	}
	files := found.ClientSecret.Data
	pair, err := tls.X509KeyPair(files["cert.pem"], files["key.pem"])
	if err != nil {
		return nil, fmt.Errorf("reading the certificate in secret/%s: %w", name, err)
	}
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM(files["ca.pem"])
	return &tls.Config{
		ServerName:   dind.ServerNames(i.Cluster.Namespace, i.Name)[0],
		Certificates: []tls.Certificate{pair},
		RootCAs:      authorities,
	}, nil
}
