package daemon

import (
	"context"

	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"
)

// Info describes a daemon.
type Info struct {
	// Version is the engine's version, such as 29.7.2.
	Version string `json:"version"`
	// APIVersion is the negotiated version. The daemon may support newer ones.
	APIVersion    string `json:"apiVersion"`
	StorageDriver string `json:"storageDriver"`
	// RootDir is the path of the data root in the daemon's container.
	RootDir string `json:"rootDir"`
	// CgroupVersion is "1" or "2".
	CgroupVersion string `json:"cgroupVersion"`
}

// Info returns the daemon's description of itself.
func (e *Engine) Info(ctx context.Context) (Info, error) {
	result, err := e.client.Info(ctx, client.InfoOptions{})
	if err != nil {
		return Info{}, e.explain(ctx, "get the Docker daemon's info", err)
	}
	info := Info{
		Version:       result.Info.ServerVersion,
		APIVersion:    e.client.ClientVersion(),
		StorageDriver: result.Info.Driver,
		RootDir:       result.Info.DockerRootDir,
		CgroupVersion: result.Info.CgroupVersion,
	}
	if info.CgroupVersion == "" && versions.LessThan(info.APIVersion, "1.41") {
		info.CgroupVersion = "1" // the only version that these engines support
	}
	return info, nil
}
