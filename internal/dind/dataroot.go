package dind

import (
	"path"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// dataRoot is where a daemon keeps its data. It is empty if the data does not outlive
// the pod.
type dataRoot struct {
	claim     string // the claim's name
	directory string // on the node
	volume    string // the name of a volume of another kind in the pod
	path      string // within the claim or the volume; "" for all of it
}

// String completes the sentence "the daemon has its data on".
func (r dataRoot) String() string {
	switch {
	case r.directory != "":
		return "its node, in directory " + r.directory
	case r.volume != "":
		return "volume " + r.volume
	case r.path != "":
		return "claim " + r.claim + ", in directory " + r.path
	}
	return "claim " + r.claim
}

// MountedClaim returns the name of the claim with the daemon's data, or "". The
// Deployment may be nil.
func MountedClaim(deployment *appsv1.Deployment) string { return dataRootOf(deployment).claim }

// dataRootOf returns where the Deployment's daemon keeps its data: dindctl's, and one
// made by hand, whose daemon may have another directory. The Deployment may be nil.
func dataRootOf(live *appsv1.Deployment) dataRoot {
	if live == nil {
		return dataRoot{}
	}
	pod := live.Spec.Template.Spec
	daemon := daemonOf(live)
	for i := 0; daemon == nil && i < len(pod.Containers); i++ {
		if slices.ContainsFunc(pod.Containers[i].VolumeMounts, func(m corev1.VolumeMount) bool { return path.Clean(m.MountPath) == DataRoot }) {
			daemon = &pod.Containers[i]
		}
	}
	if daemon == nil {
		return dataRoot{}
	}
	directory := directoryOf(daemon)
	var mount corev1.VolumeMount // the innermost that has the directory
	within := ""
	for _, m := range daemon.VolumeMounts {
		rest, inside := strings.CutPrefix(directory+"/", path.Clean(m.MountPath)+"/")
		if inside && len(m.MountPath) > len(mount.MountPath) {
			mount, within = m, path.Join("/", m.SubPath, m.SubPathExpr, rest)
		}
	}
	for _, volume := range pod.Volumes {
		if volume.Name == mount.Name {
			return placeOf(volume, strings.TrimPrefix(within, "/"))
		}
	}
	return dataRoot{}
}

// placeOf returns the data root in a directory of a volume.
func placeOf(volume corev1.Volume, within string) dataRoot {
	switch {
	case volume.PersistentVolumeClaim != nil:
		return dataRoot{claim: volume.PersistentVolumeClaim.ClaimName, path: within}
	case volume.HostPath != nil:
		return dataRoot{directory: path.Join(volume.HostPath.Path, within)}
	case volume.EmptyDir != nil, volume.Ephemeral != nil:
		return dataRoot{}
	}
	return dataRoot{volume: volume.Name, path: within}
}

// directoryOf returns the daemon's data root in its container.
func directoryOf(daemon *corev1.Container) string {
	words := strings.Fields(strings.Join(slices.Concat(daemon.Command, daemon.Args), " "))
	for i, word := range words {
		name, value, joined := strings.Cut(word, "=")
		if name != "--data-root" && name != "--graph" && name != "-g" {
			continue
		}
		if !joined && i+1 < len(words) {
			value = words[i+1]
		}
		return path.Clean(value)
	}
	return DataRoot
}
