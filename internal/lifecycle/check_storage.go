package lifecycle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/klog/v2"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/human"
)

// defaultClassAnnotation marks the class of claims that name none. See
// https://kubernetes.io/docs/concepts/storage/storage-classes/#default-storageclass
const defaultClassAnnotation = "storageclass.kubernetes.io/is-default-class"

// networkFileSystems are parts of provisioners' names. Their volumes are network
// file systems, on which overlay2 does not work.
var networkFileSystems = []string{"nfs", "efs.csi", "cephfs", "file.csi.azure", "azure-file", "smb", "glusterfs", "filestore"}

func checkStorageClass(ctx context.Context, in checkInput) []CheckResult {
	if in.options.ExistingClaim != "" || in.options.LocalPath != "" {
		return nil
	}
	name := in.options.StorageClass
	if claim := in.found.claim(); claim != nil {
		if claim.Status.Phase == corev1.ClaimBound {
			return nil
		}
		name = cmp.Or(name, className(claim)) // which it keeps
	}
	classes, err := in.classes(ctx)
	if apierrors.IsForbidden(err) {
		return unknown(errors.New("this user may not list StorageClasses"))
	}
	if err != nil {
		return unknown(err)
	}
	class := chooseClass(classes, name)
	switch {
	case class == nil && name != "":
		return failed("Name one of these with --storage-class: "+classNames(classes)+".", "class %q does not exist", name)
	case class == nil:
		return failed("Name one of these with --storage-class: "+classNames(classes)+"; or use --local-path and --local-node.",
			"the cluster has no default class")
	}
	for _, part := range networkFileSystems {
		if strings.Contains(class.Provisioner, part) {
			return warning("Name a class of block volumes with --storage-class.",
				"%s provisions a network file system (%s): overlay2 does not work on one", class.Name, class.Provisioner)
		}
	}
	binding := "binds immediately"
	if !bindsAtOnce(class) {
		binding = "binds when the pod is scheduled"
	}
	growth := "cannot grow later"
	if class.AllowVolumeExpansion != nil && *class.AllowVolumeExpansion {
		growth = "can grow later"
	}
	return ok("%s (%s): %s, %s", class.Name, class.Provisioner, binding, growth)
}

// chooseClass returns the class of that name, or the default one. Like the API
// server, it takes the newest if several are marked as default.
func chooseClass(classes []storagev1.StorageClass, name string) *storagev1.StorageClass {
	var chosen *storagev1.StorageClass
	for i := range classes {
		class := &classes[i]
		switch {
		case name != "" && class.Name == name:
			return class
		case name == "" && class.Annotations[defaultClassAnnotation] == "true":
			if chosen == nil || chosen.CreationTimestamp.Before(&class.CreationTimestamp) {
				chosen = class
			}
		}
	}
	return chosen
}

func classNames(classes []storagev1.StorageClass) string {
	if len(classes) == 0 {
		return "(there are none)"
	}
	list := make([]string, len(classes))
	for i := range classes {
		list[i] = classes[i].Name
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// checkNode checks the node of a local volume, the only one where the pod can run.
func checkNode(ctx context.Context, in checkInput) []CheckResult {
	if in.options.Node() == "" {
		return nil
	}
	node, err := in.Cluster.Node(ctx, in.options.Node())
	switch {
	case apierrors.IsForbidden(err):
		return unknown(errors.New("this user may not read Nodes"))
	case err != nil:
		return unknown(err)
	}
	if trouble, hint := nodeTrouble(node, in.options.Node()); trouble != "" {
		return failed(hint, "%s", trouble)
	}
	if taint := untolerated(node.Spec.Taints, in.objects); taint != nil {
		return failed(fmt.Sprintf("Tolerate it with --toleration %s.", taintOption(*taint)), "node %s has the taint %s", node.Name, taint.ToString())
	}
	size := resource.MustParse(cmp.Or(in.options.StorageSize, dind.DefaultStorageSize))
	if disk, known := node.Status.Capacity[corev1.ResourceEphemeralStorage]; known && disk.Cmp(size) < 0 {
		return warning("Set --storage-size to what the disk holds. The limits go by the file system of the directory, and `dindctl status` shows them.",
			"the node's own disk has %s, but the claim %s: unless %s is on another disk, the limits are smaller",
			human.Size(disk.Value()), human.Size(size.Value()), in.options.LocalPath)
	}
	return ok("%s (%s) can take the pod", node.Name, node.Status.NodeInfo.Architecture)
}

// untolerated returns the first taint that keeps the pod off the node.
func untolerated(taints []corev1.Taint, objects dind.Objects) *corev1.Taint {
	pod, err := objects.Pod()
	if err != nil {
		return nil
	}
	for i := range taints {
		taint := &taints[i]
		if taint.Effect == corev1.TaintEffectPreferNoSchedule {
			continue
		}
		tolerated := slices.ContainsFunc(pod.Spec.Tolerations, func(t corev1.Toleration) bool {
			return t.ToleratesTaint(klog.Background(), taint, false)
		})
		if !tolerated {
			return taint
		}
	}
	return nil
}

func taintOption(taint corev1.Taint) string {
	option := taint.Key
	if taint.Value != "" {
		option += "=" + taint.Value
	}
	return option + ":" + string(taint.Effect)
}
