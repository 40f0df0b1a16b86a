package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
)

// Secret binds a wanted Secret, of whatever namespace, to the cluster. Of what
// holds a private key there must be one author: where somebody else has written
// the Secret since it was read, applying fails with a conflict. A Secret of
// another namespace than the connection's is a copy, applied after the original.
func (c *Cluster) Secret(want *applycore.SecretApplyConfiguration) Desired {
	client := c.Client.CoreV1().Secrets(*want.Namespace)
	d := desired("Secret", *want.Namespace, want.Name, client, want)
	if d.Namespace != c.Namespace {
		d.last = true
		return d
	}
	d.create = func(ctx context.Context) error {
		var secret corev1.Secret
		encoded, err := json.Marshal(want)
		if err == nil {
			err = json.Unmarshal(encoded, &secret)
		}
		if err != nil {
			return fmt.Errorf("encoding the Secret: %w", err)
		}
		_, err = client.Create(ctx, &secret, metav1.CreateOptions{FieldManager: FieldManager})
		return err
	}
	d.at = func(version string) Desired {
		versioned, meta := *want, *want.ObjectMetaApplyConfiguration
		meta.ResourceVersion = &version
		versioned.ObjectMetaApplyConfiguration = &meta
		return desired("Secret", d.Namespace, want.Name, client, &versioned)
	}
	return d
}

// Secrets gets the Secrets of one name from several namespaces; those that do
// not exist are left out, and those that could not be read are told.
func (c *Cluster) Secrets(ctx context.Context, name string, namespaces []string) (found []*corev1.Secret, unread []*ReadError) {
	all, failures := make([]*corev1.Secret, len(namespaces)), make([]error, len(namespaces))
	var group errgroup.Group
	for i, namespace := range namespaces {
		group.Go(func() error {
			all[i], failures[i] = read(ctx, c.Client.CoreV1().Secrets(namespace), name)
			return nil
		})
	}
	_ = group.Wait()
	for i, secret := range all {
		switch {
		case failures[i] != nil:
			unread = append(unread, &ReadError{Ref: Ref{"Secret", namespaces[i], name}, Err: failures[i]})
		case secret != nil:
			found = append(found, secret)
		}
	}
	return found, unread
}

// TakesSecrets asks whether a Secret could be made in the namespace, as a dry run.
// The error is the server's own.
func (c *Cluster) TakesSecrets(ctx context.Context, namespace, name string) error {
	_, err := retried(ctx, func(ctx context.Context) (*corev1.Secret, error) {
		return c.Client.CoreV1().Secrets(namespace).Create(ctx,
			&corev1.Secret{ObjectMeta: metav1.ObjectMeta{GenerateName: name + "-"}},
			metav1.CreateOptions{FieldManager: FieldManager, DryRun: dryRun(true)})
	})
	return err
}

// Raced tells whether applying failed because somebody else wrote a Secret at the
// same moment.
func Raced(err error) bool {
	var refused *ApplyError
	return errors.As(err, &refused) && refused.Ref.Kind == "Secret" &&
		(apierrors.IsConflict(refused.Err) || apierrors.IsAlreadyExists(refused.Err))
}
