package main

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// binding measures the commands with a class whose claims bind before a pod uses them. It is
// the default class in all else, and exists for as long as this takes.
func (s setting) binding(ctx context.Context) (m *measurements, err error) {
	classes := s.client.StorageV1().StorageClasses()
	list, err := classes.List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for _, class := range list.Items {
		if class.Annotations["storageclass.kubernetes.io/is-default-class"] != "true" {
			continue
		}
		created, err := classes.Create(ctx, &storagev1.StorageClass{
			ObjectMeta:  metav1.ObjectMeta{GenerateName: "bench-", Labels: map[string]string{label: "true"}},
			Provisioner: class.Provisioner, Parameters: class.Parameters, MountOptions: class.MountOptions,
			ReclaimPolicy:     new(corev1.PersistentVolumeReclaimDelete),
			VolumeBindingMode: new(storagev1.VolumeBindingImmediate),
		}, metav1.CreateOptions{})
		if err != nil {
			return nil, err
		}
		defer func() {
			// Also after Ctrl-C, which cancels ctx.
			ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
			defer cancel()
			err = errors.Join(err, classes.Delete(ending, created.Name, metav1.DeleteOptions{}))
		}()
		s.class = created.Name
		return s.rounds(ctx)
	}
	return nil, errors.New("the cluster has no default StorageClass")
}
