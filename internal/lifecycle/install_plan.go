package lifecycle

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	"github.com/dindctl/dindctl/internal/apply"
	"github.com/dindctl/dindctl/internal/certs"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/progress"
)

// plan is what is known before the first change.
type plan struct {
	found  installation
	wanted dind.Objects
	*apply.Plan
	classes listClasses
}

// plan reads the cluster, plans the changes and runs the preflight checks. It
// first waits for objects that a running or interrupted uninstall is still
// deleting.
func (i Instance) plan(ctx context.Context, options dind.Options, how InstallOptions) (p plan, err error) {
	err = progress.Step(i.Observer, "Cluster", func(update func(string)) error {
		for {
			p, err = i.planOnce(ctx, options, how, update)
			var terminating *apply.TerminatingError
			if !errors.As(err, &terminating) || !terminating.Passing() || how.DryRun {
				return err
			}
			update(terminating.Error())
			if err := i.Cluster.WaitGone(ctx, terminating.Ref, terminating.UID); err != nil {
				return err
			}
		}
	})
	return p, err
}

func (i Instance) planOnce(ctx context.Context, options dind.Options, how InstallOptions, update func(string)) (p plan, err error) {
	update("reading " + i.target())
	p.classes = i.storageClasses()
	if p.found, err = i.readFor(ctx, options); err != nil {
		return p, err
	}
	if options.ExistingClaim != "" && p.found.claim() == nil {
		return p, &ClaimMissingError{Namespace: i.Cluster.Namespace, Claim: options.ExistingClaim}
	}
	if err := i.checkTerminating(ctx, p.found, options); err != nil {
		return p, err
	}
	if options.NoTLS {
		if err := p.found.findSecrets(ctx, options); err != nil {
			return p, err
		}
	}
	if options.TLS || options.NoTLS {
		if unread := p.found.findCopies(ctx, dind.CopyNamespaces(options)); len(unread) > 0 {
			return p, unread[0]
		}
	}
	var renewal certs.Renewal
	switch {
	case options.IssuesCertificates():
		if renewal, err = i.certificates(p.found, options, how.RotateCertificates); err != nil {
			return p, err
		}
	case options.TLS:
		renewal.Set = p.found.liveCertificates() // the pod restarts when they change
	}
	live, err := i.live(ctx, options, p.found, renewal, p.classes)
	if err != nil {
		return p, err
	}
	if options.Metrics && !live.Monitoring {
		// An administrator may have created it: it is wanted, but not this user's to change.
		p.found.objects = p.found.objects.Without(i.Cluster.Ref("PodMonitor", i.Name))
	}
	if p.wanted, err = dind.Build(options, live); err != nil {
		return p, err
	}
	if p.Plan, err = apply.NewPlan(i.Cluster, p.wanted, p.found.objects, how.Adopt); err != nil {
		var notOwned *apply.NotOwnedError
		if errors.As(err, &notOwned) {
			notOwned.Previews = apply.PreviewAdoption(ctx, i.Cluster, p.wanted, p.found.objects)
		}
		return p, err
	}
	is := "is being"
	if how.DryRun {
		is = "would be"
	}
	i.reportTLSChange(p.found, options, renewal, is)
	if !p.Empty() {
		i.reportManagers(p.Managers())
	}
	update(i.target() + ": " + p.Summary())
	if p.Empty() || how.SkipPreflight {
		return p, nil
	}
	return p, i.preflight(ctx, checkInput{Instance: i, options: options, how: how, objects: p.wanted, found: p.found, classes: p.classes})
}

// live returns what has to be carried over from the cluster into the objects.
func (i Instance) live(ctx context.Context, options dind.Options, found installation, renewal certs.Renewal, classes listClasses) (live dind.Live, err error) {
	mounted := dind.MountedClaim(found.deployment())
	live = dind.Live{
		Claim: found.claim(), Deployment: found.deployment(), Service: found.service(),
		DataGone:      mounted != "" && objectOf[corev1.PersistentVolumeClaim](found, "PersistentVolumeClaim", mounted) == nil,
		StorageDriver: i.liveDriver(ctx, options, found), Certificates: dind.CertificateFiles(renewal.Set),
	}
	live.Class = growthClass(ctx, options, found, classes)
	live.Monitoring, err = i.mayMonitor(ctx, options)
	return live, err
}

// growthClass returns the class of the claim if the options request a larger size: the
// class shows whether the claim can be expanded. It returns nil for any other size, and if
// the class cannot be read; the API server then reports whether expansion is possible.
func growthClass(ctx context.Context, options dind.Options, found installation, list listClasses) *storagev1.StorageClass {
	claim := found.claim()
	if options.StorageSize == "" || options.ExistingClaim != "" || claim == nil || className(claim) == "" {
		return nil
	}
	size, err := resource.ParseQuantity(options.StorageSize)
	if err != nil || size.Cmp(*claim.Spec.Resources.Requests.Storage()) <= 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, checkDeadline)
	defer cancel()
	classes, _ := list(ctx)
	return chooseClass(classes, className(claim))
}

// liveDriver returns the storage driver of the running daemon if the options name
// another one than its Deployment: only the daemon knows what it chose for its
// data root. It returns "" if the daemon cannot be asked.
func (i Instance) liveDriver(ctx context.Context, options dind.Options, found installation) string {
	if !dind.ChangesDriver(options, found.deployment()) {
		return ""
	}
	pod, err := i.runningPod(ctx, found.deployment())
	if err != nil || pod == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, askingTime)
	defer cancel()
	info, _ := i.daemonInfo(ctx, pod)
	return info.StorageDriver
}

// ClaimMissingError is returned if the claim of --existing-claim does not exist.
type ClaimMissingError struct{ Namespace, Claim string }

func (e *ClaimMissingError) Error() string {
	return fmt.Sprintf("there is no claim %s in namespace %s", e.Claim, e.Namespace)
}
