package lifecycle

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"

	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/certs"
	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/tunnel"
)

// Engine is what the use cases need of a Docker daemon. The caller of Link.Engine
// closes it.
type Engine interface {
	Info(context.Context) (daemon.Info, error)
	DiskUsage(context.Context) (daemon.DiskUsage, error)
	Networks(context.Context) (int64, error)
	Contents(context.Context) (daemon.Contents, error)
	Leftovers(context.Context) (daemon.Leftovers, error)
	Activity(context.Context) (daemon.Activity, error)
	AwaitIdle(ctx context.Context, report func(daemon.Activity)) error
	Close() error
}

// Link is a connection to a pod in which a daemon runs or will run.
type Link interface {
	// Open opens the link before it is needed, to save time.
	Open(context.Context) error
	// Engine connects to the daemon: by TLS with these credentials, without TLS
	// if they are nil. It opens the link if it is not open.
	Engine(context.Context, *tls.Config) (Engine, error)
	// Dial connects to the daemon's port as Engine does, and speaks TLS there with
	// these credentials. The connection has a CloseWrite.
	Dial(context.Context, *tls.Config) (net.Conn, error)
	// DialPort connects to another port of the pod.
	DialPort(ctx context.Context, port int) (net.Conn, error)
	// Close closes the link, after its Engines and connections were closed.
	Close() error
}

// PortForward returns a link through the API server to a pod in c's namespace. It
// proves the daemon, not the route that a job takes: Service, DNS and
// NetworkPolicy are not on this path.
func PortForward(c *kube.Cluster, pod string) (Link, error) {
	dialer, err := tunnel.New(c.Config, c.Namespace, pod)
	if err != nil {
		return nil, err
	}
	if c.WithoutForwardWebsockets {
		dialer.WithoutWebsocket()
	}
	return portForward{dialer}, nil
}

type portForward struct{ *tunnel.Dialer }

func (p portForward) Engine(ctx context.Context, credentials *tls.Config) (Engine, error) {
	port := dind.PlainPort
	var options []daemon.Option
	if credentials != nil {
		port, options = dind.TLSPort, append(options, daemon.WithTLS(credentials))
	}
	engine, err := daemon.Connect(ctx, func(ctx context.Context) (net.Conn, error) { return p.DialContext(ctx, port) }, options...)
	if err != nil {
		return nil, err
	}
	return engine, nil
}

func (p portForward) Dial(ctx context.Context, credentials *tls.Config) (net.Conn, error) {
	if credentials == nil {
		return p.DialContext(ctx, dind.PlainPort)
	}
	conn, err := p.DialContext(ctx, dind.TLSPort)
	if err != nil {
		return nil, err
	}
	return secured(ctx, conn, credentials)
}

func (p portForward) DialPort(ctx context.Context, port int) (net.Conn, error) {
	return p.DialContext(ctx, port)
}

// secured starts TLS on a connection to the daemon. If it fails, it closes the
// connection.
func secured(ctx context.Context, conn net.Conn, credentials *tls.Config) (net.Conn, error) {
	secure := tls.Client(conn, credentials)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secure, nil
}

// withEngine connects to the daemon in a pod and calls ask with it, again if the
// link is lost on the way. The error is a *DaemonError.
func (i Instance) withEngine(ctx context.Context, pod *corev1.Pod, ask func(context.Context, Engine) error) error {
	_, err := kube.RetryIf(ctx, linkLost, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, i.withEngineOnce(ctx, pod, ask)
	})
	if err != nil {
		return &DaemonError{Namespace: pod.Namespace, Pod: pod.Name, Err: err}
	}
	return nil
}

// withEngineOnce is withEngine without a second try. It returns the error as it is.
func (i Instance) withEngineOnce(ctx context.Context, pod *corev1.Pod, ask func(context.Context, Engine) error) error {
	link, err := i.Connect(i.Cluster, pod.Name)
	if err != nil {
		return err
	}
	defer link.Close()
	credentials, err := i.credentials(ctx, pod)
	if err != nil {
		return err
	}
	return askOver(ctx, link, credentials, ask)
}

func askOver(ctx context.Context, link Link, credentials *tls.Config, ask func(context.Context, Engine) error) error {
	engine, err := link.Engine(ctx, credentials)
	if err != nil {
		return err
	}
	defer engine.Close()
	return ask(ctx, engine)
}

// daemonInfo returns what the daemon in a pod says about itself. The error is a
// *DaemonError.
func (i Instance) daemonInfo(ctx context.Context, pod *corev1.Pod) (info daemon.Info, err error) {
	err = i.withEngine(ctx, pod, func(ctx context.Context, engine Engine) (err error) {
		info, err = engine.Info(ctx)
		return err
	})
	return info, err
}

// linkLost reports whether the link to a pod failed, and not the daemon behind
// it: another link may work.
func linkLost(err error) bool {
	var opening *tunnel.OpenError
	return errors.Is(err, tunnel.ErrLost) || errors.As(err, &opening) && kube.Transient(opening.Err)
}

// credentials returns what a job has for the daemon in the pod: the client's
// certificate from its Secret, and the name by which jobs know the daemon. They
// are nil if the daemon serves no TLS.
func (i Instance) credentials(ctx context.Context, pod *corev1.Pod) (*tls.Config, error) {
	if !dind.PodServesTLS(pod.Spec) {
		return nil, nil
	}
	var options dind.Options
	if dind.GivenCertificates(pod.Spec) { // the Deployment has the name of the clients' Secret
		found, err := i.read(ctx, i.Cluster.Ref("Deployment", i.Name))
		if err != nil {
			return nil, err
		}
		options, _ = dind.Remembered(found.deployment())
	}
	options.Namespace, options.Name, options.ReplicaOf = i.Cluster.Namespace, i.Name, pod.Labels[dind.ReplicaLabel]
	name := dind.SecretsOf(i.Name, options).Client.Name
	found, err := i.read(ctx, i.Cluster.Ref("Secret", name))
	if err != nil {
		return nil, err
	}
	found.secrets = dind.SecretsOf(i.Name, options)
	secret := found.clientSecret()
	if secret == nil {
		return nil, &CredentialsError{Secret: name, Err: errors.New("does not exist")}
	}
	pair, err := tls.X509KeyPair(secret.Data[certs.CertFile], secret.Data[certs.KeyFile])
	if err != nil {
		return nil, &CredentialsError{Secret: name, Err: err}
	}
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM(secret.Data[certs.CAFile])
	return &tls.Config{
		ServerName:   dind.ServerNames(options)[0],
		Certificates: []tls.Certificate{pair},
		RootCAs:      authorities,
	}, nil
}
