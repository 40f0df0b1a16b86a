package lifecycle

import (
	"context"
	"errors"

	"github.com/dindctl/dindctl/internal/certs"
	"github.com/dindctl/dindctl/internal/cluster"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/progress"
)

// prepared is what is known before the first change.
type prepared struct {
	found  cluster.Inventory
	wanted []cluster.Desired
	plan   *cluster.Plan
}

// prepare reads, plans and checks. What an uninstall has begun to remove, which
// may have been interrupted or go on beside this, is let go first.
func (i Instance) prepare(ctx context.Context, options dind.Options, how InstallOptions) (p prepared, err error) {
	err = progress.Step(i.Observer, "Cluster", func(update func(string)) error {
		for {
			p, err = i.look(ctx, options, how, update)
			var going *cluster.TerminatingError
			if !errors.As(err, &going) || !going.Passing() || how.DryRun != "" {
				return err
			}
			update(going.Error())
			if err := i.Cluster.WaitGone(ctx, going.Ref, going.UID); err != nil {
				return err
			}
		}
	})
	return p, err
}

// look reads, plans and checks once.
func (i Instance) look(ctx context.Context, options dind.Options, how InstallOptions, update func(string)) (p prepared, err error) {
	update("reading what is in " + i.place())
	if p.found, err = i.Cluster.Read(ctx, i.installNames(options)); err != nil {
		return p, err
	}
	if options.ExistingClaim != "" && p.found.Claim == nil {
		return p, &ClaimMissingError{Namespace: i.Cluster.Namespace, Claim: options.ExistingClaim}
	}
	live := dind.Live{Claim: p.found.Claim, Deployment: p.found.Deployment, Service: p.found.Service}
	var renewal certs.Renewal
	if options.TLS || options.NoTLS {
		if err := i.findSecrets(ctx, &p.found); err != nil {
			return p, err
		}
		if unread := i.findCopies(ctx, &p.found, copied(options)); len(unread) > 0 {
			return p, unread[0]
		}
	}
	if options.TLS {
		if renewal, err = i.certificates(p.found, how.RotateCertificates); err != nil {
			return p, err
		}
		live.Certificates = dind.Certificates(renewal.Set)
	}
	if live.Class, err = i.growthClass(ctx, options, p.found); err != nil {
		return p, err
	}
	live.StorageDriver = i.liveDriver(ctx, options, p.found)
	objects, err := dind.Build(options, live)
	if err != nil {
		return p, err
	}
	p.wanted = i.desired(objects)
	if p.plan, err = cluster.NewPlan(p.wanted, lookup(p.found), how.Adopt); err != nil {
		return p, i.withPreviews(ctx, err, p)
	}
	is := "is"
	if how.DryRun != "" {
		is = "would be"
	}
	i.tellOfTLS(p.found, options, renewal, is)
	update(i.place() + ": " + p.plan.Summary())
	if p.plan.Empty() || how.SkipPreflight || how.DryRun == DryRunClient {
		return p, nil
	}
	return p, i.preflight(ctx, checkInput{Instance: i, options: options, how: how, objects: objects, found: p.found})
}
