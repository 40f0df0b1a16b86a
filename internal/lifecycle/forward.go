package lifecycle

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

// dialTime is how long a connection to the daemon may take, so that no client waits
// without end for a cluster that is gone.
const dialTime = 30 * time.Second

// Forward makes an installation's daemon available to programs on this machine. They
// need no credentials, with TLS neither: a Forward has those of the installation.
//
// Its address is a Unix socket in a directory that only this user can enter. On Windows,
// whose Docker client cannot connect to one, it is a port of 127.0.0.1, which every user
// of the machine can reach.
//
// What ends its direction of a connection is passed on, and the other direction stays
// open, as `docker run -i` needs when its input ends. Without TLS, containerd then closes
// the connection about a second later, and later output is lost. A client that has no input
// for a container loses nothing.
type Forward struct {
	// Host is the address, as DOCKER_HOST has it.
	Host string
	// Pod is the name of the daemon's pod.
	Pod string

	namespace   string
	link        Link
	credentials *tls.Config
	listener    net.Listener
	directory   string // of the socket; "" on Windows

	// open ends with Close, and with it every connection.
	open    context.Context
	end     context.CancelFunc
	serving sync.WaitGroup
	input   atomic.Bool // see requests

	mu  sync.Mutex
	err error // the first failure of a connection
}

// Forward connects to the installation's daemon and serves it until the caller closes
// the Forward. ctx applies to the start only. The error is a *NotInstalledError, a
// *rollout.NotReadyError, a *kube.ReadError, a *DaemonError, or that of the listener.
func (i Instance) Forward(ctx context.Context) (*Forward, error) {
	_, pod, err := i.findReady(ctx)
	if err != nil {
		return nil, err
	}
	f := &Forward{Pod: pod.Name, namespace: pod.Namespace}
	if err := f.connect(ctx, i, pod); err != nil {
		return nil, f.failure(err)
	}
	if err := f.listen(); err != nil {
		_ = f.link.Close()
		return nil, err
	}
	f.open, f.end = context.WithCancel(context.Background())
	f.serving.Go(f.serve)
	return f, nil
}

// connect opens the link and proves that the daemon responds.
func (f *Forward) connect(ctx context.Context, i Instance, pod *corev1.Pod) (err error) {
	if f.credentials, err = i.credentials(ctx, pod); err != nil {
		return err
	}
	if f.link, err = i.Connect(i.Cluster, pod.Name); err != nil {
		return err
	}
	_, err = kube.RetryIf(ctx, linkLost, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, askOver(ctx, f.link, f.credentials, func(context.Context, Engine) error { return nil })
	})
	if err != nil {
		_ = f.link.Close()
	}
	return err
}

func (f *Forward) listen() (err error) {
	if runtime.GOOS == "windows" {
		if f.listener, err = net.Listen("tcp", "127.0.0.1:0"); err == nil {
			f.Host = "tcp://" + f.listener.Addr().String()
		}
		return err
	}
	if f.directory, err = os.MkdirTemp("", "dindctl-"); err != nil { // with mode 0700
		return err
	}
	socket := filepath.Join(f.directory, "docker.sock")
	if f.listener, err = net.Listen("unix", socket); err != nil {
		_ = os.RemoveAll(f.directory)
		return err
	}
	f.Host = "unix://" + socket
	return nil
}

// record keeps the first failure of a connection. What fails after Close is none.
func (f *Forward) record(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil && f.open.Err() == nil {
		f.err = cmp.Or(f.err, f.failure(err))
	}
}

func (f *Forward) failure(err error) error {
	return &DaemonError{Namespace: f.namespace, Pod: f.Pod, Err: err}
}

// Close ends all connections and removes the socket. It returns the first failure
// between here and the daemon, a *DaemonError, which the program that connected may not
// have been able to explain.
func (f *Forward) Close() error {
	f.end()
	_ = f.listener.Close()
	f.serving.Wait()
	_ = f.link.Close()
	if f.directory != "" {
		_ = os.RemoveAll(f.directory)
	}
	return f.err
}
