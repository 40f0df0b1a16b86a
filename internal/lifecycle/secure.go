package lifecycle

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"

	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/certs"
	"github.com/dindctl/dindctl/internal/cluster"
	"github.com/dindctl/dindctl/internal/dind"
)

// engine connects to the daemon in a pod, with the jobs' certificates where
// that pod's daemon wants some. Of a pod that is not ready yet, ready is closed
// when it is, and all that can be done before is done before; else ready is nil.
func (i Instance) engine(ctx context.Context, pod *corev1.Pod, ready <-chan struct{}) (Engine, error) {
	var credentials *tls.Config
	if dind.PodServesTLS(pod.Spec) {
		var err error
		if credentials, err = i.credentials(ctx); err != nil {
			return nil, err
		}
	}
	return i.Engine(ctx, i.Cluster, pod.Name, credentials, ready)
}

// CredentialsError says that the daemon wants a certificate, and that the Secret
// which has it is of no use.
type CredentialsError struct {
	Secret string
	Err    error
}

func (e *CredentialsError) Error() string {
	return "the daemon wants the certificate in secret/" + e.Secret + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *CredentialsError) Unwrap() error { return e.Err }

// credentials are what a job has: the client's certificates, from their Secret,
// and the name that it knows the daemon by.
func (i Instance) credentials(ctx context.Context) (*tls.Config, error) {
	name := dind.ClientSecretName(i.Name)
	found, err := i.Cluster.Read(ctx, cluster.Names{ClientSecret: name})
	if err != nil {
		return nil, err
	}
	if found.ClientSecret == nil {
		return nil, &CredentialsError{Secret: name, Err: errors.New("does not exist")}
	}
	files := found.ClientSecret.Data
	pair, err := tls.X509KeyPair(files[certs.CertFile], files[certs.KeyFile])
	if err != nil {
		return nil, &CredentialsError{Secret: name, Err: err}
	}
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM(files[certs.CAFile])
	return &tls.Config{
		ServerName:   dind.ServerNames(i.Cluster.Namespace, i.Name)[0],
		Certificates: []tls.Certificate{pair},
		RootCAs:      authorities,
	}, nil
}
