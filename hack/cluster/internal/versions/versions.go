// Package versions has the versions of the software that the embedded cluster and
// its images are built from. The name of each cached file includes the version, so
// a change here rebuilds only what it affects.
package versions

// Kubernetes is the default. It is also pinned in hack/cluster/programs/go.mod.
const Kubernetes Release = "v1.36.3"

const (
	CoreDNS    = "v1.15.0"
	KubeRouter = "v2.1.0"

	// DebianSuite has the packages of the dind images and busybox. DebianEngine
	// is the version of the Docker Engine in that suite.
	DebianSuite  = "trixie"
	DebianEngine = "26.1.5"
	Busybox      = "1.37"

	// Engine is the release version of the current engine. The versions of its
	// modules are different.
	Engine           = "29.7.2"
	Moby             = "v2.0.0-beta.24"
	EngineContainerd = "v2.4.2"
	EngineRunc       = "v1.5.2"
	// EngineBuildx is also pinned in hack/cluster/programs/go.mod.
	EngineBuildx = "v0.37.0"

	// These are also pinned in hack/cluster/clients/go.mod: BuildKit and Compose in
	// the newest versions that share their packages with dockerd.
	Buildkit       = "v0.33.0"
	Compose        = "v5.5.1"
	Testcontainers = "v0.44.0"

	// DebianOldSuite has the Docker client 20.10. Node is from the npm registry:
	// GitLabCILocal needs a newer one than Debian's.
	DebianOldSuite  = "bookworm"
	DebianOldClient = "20.10.24"
	GitLabCILocal   = "4.75.1"
	Node            = "22.23.5"

	// LinuxSuite has the source of the second node's kernel, 6.16 or later: from
	// then on user-mode Linux can start a process without tracing it.
	LinuxSuite = "forky"

	// Pause and Registry are programs of this repository.
	Pause    = "1"
	Registry = "1"
)

// The references of the images in the cluster's registry.
const (
	PauseImage      = "dindctl.local/pause:" + Pause
	BusyboxImage    = "busybox:" + Busybox
	DindImage       = "docker:" + Engine + "-dind"
	DebianDindImage = "docker:" + DebianEngine + "-dind"
	BuildkitImage   = "moby/buildkit:buildx-stable-1"
	ClientsImage    = "dindctl.local/clients:1"
)
