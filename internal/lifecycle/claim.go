package lifecycle

import (
	"context"
	"fmt"
	"path"
	"slices"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/rollout"
)

// ClaimError is returned for a claim in a state in which dindctl does not touch the
// daemon. Nothing was changed.
type ClaimError struct{ *rollout.Cause }

func (e *ClaimError) Error() string { return e.Message + " Nothing was changed." }

// checkTerminating returns a *ClaimError for a claim that is being deleted: restarting
// its pod would complete the deletion. A claim NAME-data that nobody uses, which an
// uninstall is deleting, is left to the plan, which waits until it is gone.
func (i Instance) checkTerminating(ctx context.Context, found installation, options dind.Options) error {
	mounted := dind.MountedClaim(found.deployment())
	for _, item := range found.objects {
		claim, _ := item.Object.(*corev1.PersistentVolumeClaim)
		cause := rollout.ClaimTerminating(claim)
		if cause == nil {
			continue
		}
		if claim.Name != mounted && claim.Name != options.ExistingClaim {
			if users, err := i.claimUsers(ctx, claim.Name, ""); err == nil && len(users) == 0 {
				continue
			}
		}
		return &ClaimError{cause}
	}
	return nil
}

// claimUsers returns which Deployments and pods of the namespace use the claim, without
// the Deployment except and its pods. If some of them could not be read, it returns the
// others and a *kube.ReadError.
func (i Instance) claimUsers(ctx context.Context, claim, except string) ([]kube.Ref, error) {
	var pods []corev1.Pod
	var deployments []appsv1.Deployment
	var podsErr, err error
	var reading sync.WaitGroup
	reading.Go(func() { pods, podsErr = i.Cluster.Pods(ctx, nil) })
	reading.Go(func() { deployments, err = i.Cluster.Deployments(ctx) })
	reading.Wait()
	var users []kube.Ref
	for _, d := range deployments {
		if d.Name != except && rollout.MountsClaim(d.Spec.Template.Spec, claim) {
			users = append(users, i.Cluster.Ref("Deployment", d.Name))
		}
	}
	if len(users) == 0 {
		users = rollout.OtherPods(claim, except, pods)
	}
	if podsErr != nil {
		err = podsErr
	}
	return users, err
}

// checkClaimUsers checks that no other daemon has, or could have, its data on the claim.
func checkClaimUsers(ctx context.Context, in checkInput) []CheckResult {
	claim := in.found.claim()
	if claim == nil {
		return nil
	}
	users, err := in.claimUsers(ctx, claim.Name, in.Name)
	switch {
	case len(users) > 0:
		return failed("Two daemons on one data root corrupt it: use another claim, or uninstall or delete the other user.",
			"%s is used by %s", claim.Name, kube.JoinRefs(users))
	case apierrors.IsForbidden(err):
		return unknown(fmt.Errorf("who else uses claim %s: this user may not list pods and Deployments", claim.Name))
	case err != nil:
		return unknown(err)
	}
	return nil
}

// checkLocalPath checks that no other volume has the directory of a local volume.
func checkLocalPath(ctx context.Context, in checkInput) []CheckResult {
	if in.options.LocalPath == "" {
		return nil
	}
	volumes, err := in.Cluster.PersistentVolumes(ctx)
	if apierrors.IsForbidden(err) {
		return unknown(fmt.Errorf("whether another volume has %s: this user may not list PersistentVolumes", in.options.LocalPath))
	}
	if err != nil {
		return unknown(err)
	}
	own := dind.VolumeObjectName(in.Cluster.Namespace, in.Name)
	for n := range volumes {
		if volumes[n].Name != own && onNode(&volumes[n], in.options.Node(), in.options.LocalPath) {
			return failed("Two daemons on one data root corrupt it: set another directory with --local-path, or delete that volume if nobody uses it.",
				"%s on node %s is the directory of persistentvolume/%s", in.options.LocalPath, in.options.Node(), volumes[n].Name)
		}
	}
	return nil
}

// onNode reports whether the volume is that directory on that node.
func onNode(volume *corev1.PersistentVolume, node, directory string) bool {
	return volume.Spec.Local != nil && path.Clean(volume.Spec.Local.Path) == directory && slices.Contains(nodesOf(volume), node)
}
