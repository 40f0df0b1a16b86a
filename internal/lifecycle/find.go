package lifecycle

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/rollout"
)

// read reads objects of the instance. The error is a *kube.ReadError; the
// installation holds what could be read.
func (i Instance) read(ctx context.Context, refs ...kube.Ref) (installation, error) {
	objects, err := i.Cluster.Read(ctx, refs...)
	return installation{objects: objects, i: i, claimName: dind.ClaimName(i.Name), secrets: dind.SecretsOf(i.Name, dind.Options{})}, err
}

// more reads further objects.
func (f *installation) more(ctx context.Context, refs ...kube.Ref) error {
	objects, err := f.i.Cluster.Read(ctx, refs...)
	f.objects = f.objects.With(objects)
	return err
}

// refs returns the references of the instance's objects of that group.
func (i Instance) refs(group dind.Group) []kube.Ref {
	var refs []kube.Ref
	for _, part := range dind.Parts(i.Cluster.Namespace, i.Name) {
		if part.Group == group {
			refs = append(refs, i.Cluster.Ref(part.Kind, part.Name))
		}
	}
	return refs
}

// readFor reads the objects that an installation with these options has, and the claim
// that the Deployment mounts.
func (i Instance) readFor(ctx context.Context, options dind.Options) (installation, error) {
	refs := i.refs(dind.Core)
	if options.LocalPath != "" {
		refs = append(refs, i.refs(dind.LocalStorage)...)
	}
	if options.TLS {
		refs = append(refs, i.secretRefs(options)...)
	}
	claimName := dind.ClaimName(i.Name)
	if options.ExistingClaim != "" {
		own := i.Cluster.Ref("PersistentVolumeClaim", claimName)
		claimName = options.ExistingClaim
		refs[slices.Index(refs, own)].Name = claimName
	}
	found, err := i.read(ctx, refs...)
	found.claimName, found.secrets = claimName, dind.SecretsOf(i.Name, options)
	if err == nil {
		err = found.findMonitoring(ctx, options.Metrics)
	}
	if mounted := dind.MountedClaim(found.deployment()); err == nil && mounted != "" && mounted != claimName {
		err = found.more(ctx, i.Cluster.Ref("PersistentVolumeClaim", mounted))
	}
	return found, err
}

// findCore reads the installation's objects in its namespace, with the claim that the
// Deployment mounts instead of one of NAME-data.
func (i Instance) findCore(ctx context.Context) (installation, error) {
	found, err := i.read(ctx, i.refs(dind.Core)...)
	if err != nil {
		return found, err
	}
	if pods := found.podsService(); pods != nil && kube.InstanceOf(pods) == pods.Name {
		// The Service of another installation, which is called NAME-pods.
		found.objects = found.objects.Without(i.Cluster.Ref("Service", pods.Name))
	}
	if err := found.findMonitoring(ctx, false); err != nil {
		return found, err
	}
	mounted := dind.MountedClaim(found.deployment())
	if mounted == "" || mounted == found.claimName {
		return found, nil
	}
	found.objects = found.objects.Without(i.Cluster.Ref("PersistentVolumeClaim", found.claimName))
	found.claimName = mounted
	return found, found.more(ctx, i.Cluster.Ref("PersistentVolumeClaim", mounted))
}

// find is findCore, and reads the local volume of the claim with its class. Those that
// this user may not read are in unread.
func (i Instance) find(ctx context.Context) (installation, error) {
	found, err := i.findCore(ctx)
	if claim := found.claim(); err == nil && claim != nil && className(claim) == dind.LocalStorageClass {
		err = found.findLocalStorage(ctx)
	}
	return found, err
}

// findLocalStorage reads the local volume and the class of local volumes.
func (f *installation) findLocalStorage(ctx context.Context) error {
	storage, unread := f.i.Cluster.ReadEach(ctx, f.i.refs(dind.LocalStorage))
	for _, err := range unread {
		if !apierrors.IsForbidden(err) {
			return err
		}
	}
	f.objects, f.unread = f.objects.With(storage), unread
	return nil
}

// unreadProblems reports the objects that this user may not read.
func (f installation) unreadProblems() []Problem {
	var problems []Problem
	for _, unread := range f.unread {
		problems = append(problems, Problem{
			Object: unread.Ref.String(), Reason: "StorageUnknown", Severity: SeverityWarning,
			Message: fmt.Sprintf("The state of %s is unknown: %v", unread.Ref, unread.Err),
			Hint:    "The daemon does not depend on this permission; an administrator sees the object.",
		})
	}
	return problems
}

// podsOf returns the pods that the Deployment selects. An adopted Deployment keeps its
// selector, which may replace labels that dindctl sets. listed are the pods with the
// instance's labels: usually the daemon's are among them.
func (i Instance) podsOf(ctx context.Context, deployment *appsv1.Deployment, listed []corev1.Pod) ([]corev1.Pod, error) {
	if deployment == nil {
		return listed, nil
	}
	selector, err := metav1.LabelSelectorAsSelector(deployment.Spec.Selector)
	if err != nil || !labels.SelectorFromSet(i.labels()).Matches(labels.Set(deployment.Spec.Template.Labels)) {
		return i.Cluster.PodsOf(ctx, deployment)
	}
	return slices.DeleteFunc(slices.Clone(listed), func(pod corev1.Pod) bool { return !selector.Matches(labels.Set(pod.Labels)) }), nil
}

// findReady reads the installation and its pod, which must be ready. The error is
// a *NotInstalledError, a *rollout.NotReadyError or a *kube.ReadError.
func (i Instance) findReady(ctx context.Context) (installation, *corev1.Pod, error) {
	var found installation
	var pods []corev1.Pod
	group, reading := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		found, err = i.findCore(reading)
		return err
	})
	group.Go(func() (err error) {
		pods, err = i.Cluster.Pods(reading, i.labels())
		return err
	})
	if err := group.Wait(); err != nil {
		return found, nil, err
	}
	if !found.exists() {
		return found, nil, found.notInstalled()
	}
	pods, err := i.podsOf(ctx, found.deployment(), pods)
	if err != nil {
		return found, nil, err
	}
	status := rollout.Compute(found.state(pods))
	if !status.Ready {
		return found, nil, &rollout.NotReadyError{Ref: i.Cluster.Ref("Deployment", i.Name), Cause: status.Cause, Now: status.Now}
	}
	return found, status.Pod, nil
}

// secretRefs returns the Secrets of TLS with these options.
func (i Instance) secretRefs(options dind.Options) []kube.Ref {
	secrets := dind.SecretsOf(i.Name, options)
	return []kube.Ref{i.Cluster.Ref("Secret", secrets.Server.Name), i.Cluster.Ref("Secret", secrets.Client.Name)}
}

// findSecrets reads the Secrets of TLS with these options. Without TLS, Secrets that may
// not be read count as missing: a user without that right cannot have created them.
func (f *installation) findSecrets(ctx context.Context, options dind.Options) error {
	f.secrets = dind.SecretsOf(f.i.Name, options)
	err := f.more(ctx, f.i.secretRefs(options)...)
	if apierrors.IsForbidden(err) && !f.servesTLS() {
		return nil
	}
	return err
}

// findCopies reads the copies of the client's Secret: those in the namespaces
// given, and those that an earlier install made.
func (f *installation) findCopies(ctx context.Context, namespaces []string) (unread []*kube.ReadError) {
	client := f.clientSecret()
	if client != nil && !f.secrets.Client.Given && f.notOurs(client) == "" {
		namespaces = append(slices.Clone(namespaces), dind.Copies(client)...)
	}
	slices.Sort(namespaces)
	var refs []kube.Ref
	for _, namespace := range slices.Compact(namespaces) {
		if namespace != f.i.Cluster.Namespace {
			refs = append(refs, kube.Ref{Kind: "Secret", Namespace: namespace, Name: dind.ClientSecretName(f.i.Name)})
		}
	}
	copies, unread := f.i.Cluster.ReadEach(ctx, refs)
	f.objects = f.objects.With(copies)
	return unread
}

// Access returns what a CI job needs to reach the installation. The error is a
// *NotInstalledError if there is no Service.
func (i Instance) Access(ctx context.Context) (dind.Access, error) {
	found, err := i.read(ctx, i.Cluster.Ref("Service", i.Name), i.Cluster.Ref("Deployment", i.Name))
	if err != nil {
		return dind.Access{}, err
	}
	if found.service() == nil {
		_ = found.more(ctx, i.Cluster.Ref("PersistentVolumeClaim", found.claimName)) // only the error names it
		return dind.Access{}, found.notInstalled()
	}
	options, _ := dind.Remembered(found.deployment())
	options.Namespace, options.Name, options.TLS = i.Cluster.Namespace, i.Name, found.servesTLS()
	return dind.AccessTo(options), nil
}
