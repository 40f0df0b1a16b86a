package lifecycle

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/certs"
	"github.com/dindctl/dindctl/internal/cluster"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/progress"
)

// findSecrets adds the Secrets of TLS. Where there is no TLS, Secrets that may not
// be read are as good as none: whoever may not read them cannot have made them.
func (i Instance) findSecrets(ctx context.Context, found *cluster.Inventory) error {
	if found.ServerSecret == nil && found.ClientSecret == nil {
		secrets, err := i.Cluster.Read(ctx, i.secretNames())
		if apierrors.IsForbidden(err) && !dind.ServesTLS(found.Deployment, found.Service) {
			return nil
		}
		if err != nil {
			return err
		}
		found.ServerSecret, found.ClientSecret = secrets.ServerSecret, secrets.ClientSecret
	}
	return nil
}

func (i Instance) secretNames() cluster.Names {
	return cluster.Names{ServerSecret: dind.ServerSecretName(i.Name), ClientSecret: dind.ClientSecretName(i.Name)}
}

// findCopies adds the copies of the client's Secret: those in the namespaces
// given, and those that an earlier install made. Those that could not be read are
// told.
func (i Instance) findCopies(ctx context.Context, found *cluster.Inventory, namespaces []string) (unread []*cluster.ReadError) {
	if found.ClientSecret != nil && i.ours(found.ClientSecret) {
		namespaces = append(slices.Clone(namespaces), dind.Copies(found.ClientSecret)...)
	}
	slices.Sort(namespaces)
	namespaces = slices.DeleteFunc(slices.Compact(namespaces), func(namespace string) bool { return namespace == i.Cluster.Namespace })
	found.Copies, unread = i.Cluster.Secrets(ctx, dind.ClientSecretName(i.Name), namespaces)
	return unread
}

// ours tells whether a Secret was made by this installation: its name may be
// that of another's copy.
func (i Instance) ours(secret metav1.Object) bool {
	if !cluster.Owned(secret) {
		return false
	}
	home := secret.GetLabels()[dind.HomeLabel]
	return home == "" && secret.GetNamespace() == i.Cluster.Namespace || home == i.Cluster.Namespace
}

// certificates are what the Secrets are to hold: what they hold as long as it is
// good.
func (i Instance) certificates(found cluster.Inventory, rotate bool) (certs.Renewal, error) {
	var live certs.Set
	if found.ServerSecret != nil {
		live.Server = found.ServerSecret.Data
	}
	if found.ClientSecret != nil {
		live.Client = found.ClientSecret.Data
	}
	wish := certificateWish(i.Cluster.Namespace, i.Name, i.Now())
	wish.Rotate = rotate
	return certs.Renew(live, wish)
}

func certificateWish(namespace, name string, now time.Time) certs.Wish {
	return certs.Wish{Instance: name, Names: append(dind.ServerNames(namespace, name), "127.0.0.1", "::1"), Now: now}
}

// NewCertificates are the first certificates of an installation.
func NewCertificates(namespace, name string, now time.Time) (dind.Certificates, error) {
	made, err := certs.Renew(certs.Set{}, certificateWish(namespace, name, now))
	return dind.Certificates(made.Set), err
}

// tellOfTLS says what becomes of jobs, where that changes; is is "would be" for a
// dry run.
func (i Instance) tellOfTLS(found cluster.Inventory, options dind.Options, renewal certs.Renewal, is string) {
	const consequences = "the pod restarts, which ends running builds; jobs fail until they have what `dindctl env` prints; the cache stays"
	if found.Deployment != nil && dind.ServesTLS(found.Deployment, found.Service) != options.TLS {
		if options.TLS {
			progress.Warn(i.Observer, "TLS "+is+" switched on: "+consequences)
		} else {
			progress.Warn(i.Observer, "TLS "+is+" switched off, and whoever reaches the port let in: "+consequences)
		}
		return
	}
	if found.ServerSecret == nil {
		return // the first certificates are no news
	}
	anew := func(what, why, then string) string {
		return "the " + what + " " + is + " made anew (" + why + "): " + then
	}
	if renewal.Authority != "" && !renewal.Bridged {
		progress.Warn(i.Observer, anew("certificate authority", renewal.Authority, "jobs that have certificates of the one before are not let in any more"))
	} else if renewal.Authority != "" {
		progress.Inform(i.Observer, anew("certificate authority", renewal.Authority, "jobs that have certificates of the one before go on"))
	}
	if renewal.Server != "" {
		progress.Inform(i.Observer, anew("daemon's certificate", renewal.Server, "the pod restarts, which ends running builds"))
	}
	if renewal.Client != "" {
		progress.Inform(i.Observer, anew("clients' certificate", renewal.Client, "jobs that start from now on have it"))
	}
}

// copied are the namespaces whose jobs get a copy of the client's Secret.
func copied(o dind.Options) []string {
	if !o.TLS {
		return nil
	}
	var others []string
	for _, namespace := range o.AllowNamespaces {
		if namespace != o.Namespace && !slices.Contains(others, namespace) {
			others = append(others, namespace)
		}
	}
	return others
}

// checkCopies makes sure beforehand that the namespaces that are to have a copy
// of the client's Secret exist, and take one. Permissions are a check of their
// own.
func checkCopies(ctx context.Context, in checkInput) []CheckResult {
	var results []CheckResult
	for _, namespace := range copied(in.options) {
		if slices.ContainsFunc(in.found.Copies, func(s *corev1.Secret) bool { return s.Namespace == namespace }) {
			continue
		}
		name := dind.ClientSecretName(in.Name)
		err := in.Cluster.TakesSecrets(ctx, namespace, name)
		switch {
		case err == nil || apierrors.IsForbidden(err):
			if !cluster.AdmissionDenied(fmt.Sprint(err)) {
				continue
			}
			results = append(results, failed("", "namespace %s refuses the copy of secret/%s: %s", namespace, name, err)...)
		case cluster.NamespaceMissing(err):
			results = append(results, failed("`kubectl create namespace "+namespace+"` makes it; or leave --allow-namespace "+namespace+" out.",
				"namespace %s does not exist, and its jobs need a copy of secret/%s there", namespace, name)...)
		default:
			results = append(results, unknown(err)...)
		}
	}
	return results
}
