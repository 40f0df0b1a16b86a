package dind

import (
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// containerdStore is the first engine that keeps the images of a new data root
// in containerd's store and not with a storage driver of its own. On a data root
// that has a driver's images it stays with them.
const containerdStore = 29

// checkDataRoot refuses what would leave the cache that is there unread: an
// engine of an older major version, which the newer one's files are not made
// for, and another storage driver, which starts with nothing beside them. The
// files stay on the volume and take up its room.
func (p *plan) checkDataRoot(ps *Problems, live Live) {
	if p.AllowDataRootChange || p.live == nil {
		return
	}
	const goOn = "--allow-data-root-change goes on all the same; uninstall --delete-data first starts with an empty volume."
	before, known := p.engineBefore(live.Deployment)
	now, tagged := engineMajor(p.Image)
	if known && tagged && now < before {
		ps.add("--image", p.Image, "is older than engine "+strconv.Itoa(before)+", which wrote the data on claim "+p.claimName+": it may not read them, and the cache would be lost",
			"Use an image of engine "+strconv.Itoa(before)+" or later. "+goOn)
	}
	daemon := daemonOf(live.Deployment)
	if daemon == nil || p.StorageDriver == "" {
		return
	}
	driver := live.StorageDriver
	if driver == "" {
		driver = driverOf(daemon)
	}
	if driver == "" {
		// What engines choose on every file system that can; a current one on a
		// data root that an older one has begun chooses that one's.
		driver = "overlay2"
		if known && before >= containerdStore {
			driver = "overlayfs"
		}
	}
	if driver != p.StorageDriver {
		ps.add("--storage-driver", p.StorageDriver, "is not the driver that wrote the data on claim "+p.claimName+" ("+driver+"): every image and the whole cache would start anew, beside the old files",
			"Leave --storage-driver as it was. "+goOn)
	}
}

// engineBefore is the major version of the engine that wrote the data: the
// running one's, or the one that the claim remembers of an earlier installation.
func (p *plan) engineBefore(live *appsv1.Deployment) (major int, known bool) {
	if daemon := daemonOf(live); daemon != nil {
		return engineMajor(daemon.Image)
	}
	first, _, _ := strings.Cut(p.live.Labels[VersionLabel], ".")
	major, err := strconv.Atoi(first)
	return major, err == nil
}

// daemonOf is the container that runs the daemon; nil where there is none.
func daemonOf(live *appsv1.Deployment) *corev1.Container {
	if live == nil {
		return nil
	}
	containers := live.Spec.Template.Spec.Containers
	for i := range containers {
		if containers[i].Name == ContainerName || len(containers) == 1 {
			return &containers[i]
		}
	}
	return nil
}

// AsksForDriver tells whether the options name another storage driver than the
// Deployment: then it is worth asking the daemon which one it has.
func AsksForDriver(o Options, live *appsv1.Deployment) bool {
	daemon := daemonOf(live)
	return o.StorageDriver != "" && daemon != nil && driverOf(daemon) != o.StorageDriver
}

// driverOf is the storage driver that the container names.
func driverOf(daemon *corev1.Container) string {
	for _, variable := range daemon.Env {
		if variable.Name == "DOCKER_DRIVER" && variable.Value != "" {
			return variable.Value
		}
	}
	for i, arg := range daemon.Args {
		for _, flag := range []string{"--storage-driver", "-s"} {
			if value, is := strings.CutPrefix(arg, flag+"="); is {
				return value
			}
			if arg == flag && i+1 < len(daemon.Args) {
				return daemon.Args[i+1]
			}
		}
	}
	return ""
}
