// Package versions is the one place that says which software the embedded
// cluster and its images are made of. Every cached file carries the version
// it was built from in its name, so a change here rebuilds exactly what it
// touches.
package versions

const (
	Kubernetes = "v1.36.3"
	CoreDNS    = "v1.15.0"

	// DebianSuite is where the root file system of the dind images and
	// busybox come from; DebianEngine is the Docker Engine in that suite.
	DebianSuite  = "trixie"
	DebianEngine = "26.1.5"
	Busybox      = "1.37"

	// Engine is what the current engine calls itself. Its module versions
	// differ from its release version, so all of them are pinned here.
	Engine           = "29.7.2"
	Moby             = "v2.0.0-beta.24"
	EngineContainerd = "v2.4.2"
	EngineRunc       = "v1.5.2"
	// EngineBuildx is pinned, with the client, in hack/cluster/client.
	EngineBuildx = "v0.37.0"

	// Pause and Registry are this repository's own.
	Pause    = "1"
	Registry = "1"
)

// The references under which the cluster's registry serves its images.
const (
	PauseImage      = "dindctl.local/pause:" + Pause
	BusyboxImage    = "busybox:" + Busybox
	DindImage       = "docker:" + Engine + "-dind"
	DebianDindImage = "docker:" + DebianEngine + "-dind"
)
