package dind

import (
	"cmp"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// checkMoved rejects changes that start the daemon without its data: on another claim,
// or for an adopted Deployment also on another kind of volume or in another directory.
func (p *plan) checkMoved(errs *OptionErrors, live Live) {
	before := dataRootOf(live.Deployment)
	switch {
	case p.AllowDataRootChange, live.DataGone, before == dataRoot{}, before == dataRoot{claim: p.claimName},
		p.LocalPath != "" && before.directory == p.LocalPath:
		return
	}
	option, value := "--existing-claim", p.ExistingClaim
	if p.LocalPath != "" {
		option, value = "--local-path", p.LocalPath
	}
	reason := "would start the daemon without its data, which is on " + before.String()
	if value == "" {
		reason = "is missing: the daemon has its data on " + before.String() + ", and would start without it on claim " + p.claimName
	}
	var keep string
	switch {
	case before.claim == ClaimName(p.Name) && before.path == "":
		keep = "Omit " + option + " to keep it."
	case before.claim != "" && before.path == "":
		keep = "Use --existing-claim " + before.claim + " to keep it."
	case before.directory != "":
		keep = "Use --local-path " + before.directory + " and --local-node to keep it."
	default:
		keep = "dindctl's daemon has its data at the top of a claim: move it there and use --existing-claim."
	}
	errs.add(option, value, reason, keep+" To start with an empty data root, use --allow-data-root-change.")
}

// checkDataRoot rejects changes that make the daemon lose its cache: an older major
// version of the engine, which may not read the data, and another storage driver,
// which ignores the data. The old data would keep using space on the volume.
func (p *plan) checkDataRoot(errs *OptionErrors, live Live) {
	if p.AllowDataRootChange || p.live == nil {
		return
	}
	override := "To go ahead, use --allow-data-root-change"
	if p.ExistingClaim == "" { // which uninstall never deletes
		override += ", or start with an empty volume after dindctl uninstall --delete-data"
	}
	override += "."
	before, known := p.engineBefore(live.Deployment)
	now, tagged := majorOf(EngineVersion(p.Image))
	if known && tagged && now < before {
		errs.add("--image", p.Image, fmt.Sprintf("is older than engine %d, which wrote the data on claim %s: it may fail to read the data and lose the cache", before, p.claimName),
			fmt.Sprintf("Use an image with engine %d or later. ", before)+override)
	}
	daemon := daemonOf(live.Deployment)
	if daemon == nil || p.StorageDriver == "" {
		return
	}
	byDefault := "overlay2"    // on most file systems
	if known && before >= 29 { // with containerd's image store
		byDefault = "overlayfs"
	}
	driver := cmp.Or(live.StorageDriver, driverOf(daemon), byDefault)
	if driver != p.StorageDriver {
		errs.add("--storage-driver", p.StorageDriver, "is not the driver that wrote the data on claim "+p.claimName+" ("+driver+"): all images and the cache would be lost, but keep using space",
			"Keep the previous --storage-driver. "+override)
	}
}

// engineBefore returns the major version of the engine that wrote the data, from the
// Deployment or from the label that an earlier installation left on the claim.
func (p *plan) engineBefore(live *appsv1.Deployment) (major int, known bool) {
	if daemon := daemonOf(live); daemon != nil {
		return majorOf(EngineVersion(daemon.Image))
	}
	return majorOf(p.live.Labels[VersionLabel])
}

// daemonOf returns the container that runs the daemon, or nil.
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

// ChangesDriver reports whether the options name another storage driver than the
// Deployment. Only then does Build need the driver that the daemon reports.
func ChangesDriver(o Options, live *appsv1.Deployment) bool {
	daemon := daemonOf(live)
	return o.StorageDriver != "" && daemon != nil && driverOf(daemon) != o.StorageDriver
}

// driverOf returns the storage driver that the container's options name, or "".
func driverOf(daemon *corev1.Container) string {
	for _, variable := range daemon.Env {
		if variable.Name == "DOCKER_DRIVER" && variable.Value != "" {
			return variable.Value
		}
	}
	for i, arg := range daemon.Args {
		switch name, value, joined := strings.Cut(arg, "="); {
		case name != "--storage-driver" && name != "-s":
		case joined:
			return value
		case i+1 < len(daemon.Args):
			return daemon.Args[i+1]
		}
	}
	return ""
}
