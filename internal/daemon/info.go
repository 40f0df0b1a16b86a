package daemon

import (
	"context"
	"strings"

	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"
)

// Info is what a daemon says about itself.
type Info struct {
	// Version is the engine's, such as 29.7.2.
	Version string `json:"version"`
	// APIVersion is the one that Connect settled on; the daemon may know newer.
	APIVersion    string `json:"apiVersion"`
	StorageDriver string `json:"storageDriver"`
	// RootDir is the data root, as the daemon sees it.
	RootDir string `json:"rootDir"`
	// CgroupVersion is "1" or "2".
	CgroupVersion string `json:"cgroupVersion"`

	RunningContainers int `json:"-"`
	// OS and Arch are of the machine, as in "linux" and "x86_64".
	OS   string `json:"-"`
	Arch string `json:"-"`
	// Warnings are the daemon's own, a line each.
	Warnings []string `json:"-"`
}

// Info asks the daemon about itself.
func (e *Engine) Info(ctx context.Context) (Info, error) {
	result, err := e.client.Info(ctx, client.InfoOptions{})
	if err != nil {
		return Info{}, e.explain(ctx, "ask the Docker daemon about itself", err)
	}
	info := Info{
		Version:           result.Info.ServerVersion,
		APIVersion:        e.client.ClientVersion(),
		StorageDriver:     result.Info.Driver,
		RootDir:           result.Info.DockerRootDir,
		CgroupVersion:     result.Info.CgroupVersion,
		RunningContainers: result.Info.ContainersRunning,
		OS:                result.Info.OSType,
		Arch:              result.Info.Architecture,
	}
	for _, warning := range result.Info.Warnings {
		info.Warnings = append(info.Warnings, strings.Join(strings.Fields(warning), " "))
	}
	if info.CgroupVersion == "" && versions.LessThan(info.APIVersion, "1.41") {
		info.CgroupVersion = "1" // the only one these engines know
	}
	return info, nil
}
