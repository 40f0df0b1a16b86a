package lifecycle

import (
	"context"
	"crypto/tls"
	"sync"

	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/rollout"
)

// readinessProber probes a pod while the cluster still catches up with it: it
// opens the link as soon as the container runs, and asks the daemon and waits for
// the Service as soon as the pod is ready, which is before the Deployment is known
// to be. One goroutine uses it, and calls Reset in the end.
type readinessProber struct {
	i     Instance
	ctx   context.Context
	probe *podProbe // nil until a container runs
}

// Observe starts what can be started, and drops the probe of an earlier pod.
func (p *readinessProber) Observe(status rollout.Status) {
	if !status.Running {
		return
	}
	if p.probe == nil || p.probe.pod.UID != status.Pod.UID {
		p.Reset()
		p.probe = newPodProbe(p.ctx, p.i, status.Pod)
	}
	if status.Answering {
		p.probe.ask()
	}
}

// Reset ends what is under way and waits for its end.
func (p *readinessProber) Reset() {
	if p.probe != nil {
		p.probe.stop()
		p.probe = nil
	}
}

// podProbe probes one pod. Each of its functions does its work once, at the first
// call, and returns the same result every time.
type podProbe struct {
	pod     *corev1.Pod
	cancel  context.CancelFunc
	running sync.WaitGroup
	asked   bool

	open    func() (openLink, error)
	daemon  func() (daemon.Info, error)
	service func() error
}

// openLink is a link with the credentials for the daemon behind it.
type openLink struct {
	Link
	credentials *tls.Config
}

func newPodProbe(ctx context.Context, i Instance, pod *corev1.Pod) *podProbe {
	ctx, cancel := context.WithCancel(ctx)
	p := &podProbe{pod: pod, cancel: cancel}
	p.open = sync.OnceValues(func() (openLink, error) {
		link, err := i.Connect(i.Cluster, pod.Name)
		if err != nil {
			return openLink{}, err
		}
		credentials, err := i.credentials(ctx, pod)
		_ = link.Open(ctx) // if it fails, connecting opens it again and returns the error
		return openLink{link, credentials}, err
	})
	p.daemon = sync.OnceValues(func() (info daemon.Info, err error) {
		link, err := p.open()
		if err == nil {
			err = askOver(ctx, link, link.credentials, func(ctx context.Context, engine Engine) (err error) {
				info, err = engine.Info(ctx)
				return err
			})
		}
		switch {
		case err == nil:
			return info, nil
		case linkLost(err):
			return i.daemonInfo(ctx, pod)
		}
		return info, &DaemonError{Namespace: pod.Namespace, Pod: pod.Name, Err: err}
	})
	p.service = sync.OnceValue(func() error {
		return rollout.WaitEndpoint(ctx, i.Cluster, i.Name, pod, dind.Port(dind.PodServesTLS(pod.Spec)))
	})
	p.running.Go(func() { _, _ = p.open() })
	return p
}

// ask starts both questions without waiting for the answers.
func (p *podProbe) ask() {
	if p.asked {
		return
	}
	p.asked = true
	p.running.Go(func() { _, _ = p.daemon() })
	p.running.Go(func() { _ = p.service() })
}

func (p *podProbe) stop() {
	p.cancel()
	p.running.Wait()
	if link, _ := p.open(); link.Link != nil {
		_ = link.Close()
	}
}
