package lifecycle

import (
	"fmt"
	"strings"

	"github.com/dindctl/dindctl/internal/cluster"
	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/progress"
)

// tellEngine says what is another than before of the engine, and what becomes of
// its images: an upgrade is no more than an image's tag, and may mean a lot.
func (i Instance) tellEngine(p prepared, outcome *Installation) {
	if outcome.Daemon == nil {
		return
	}
	if line := engineChange(engineBefore(p.found, outcome.Restart), *outcome.Daemon); line != "" {
		progress.Inform(i.Observer, line)
	}
}

// engineBefore is what the daemon that was ended said of itself. Where none was,
// the claim remembers the version that its installation was for.
func engineBefore(found cluster.Inventory, restart *Restart) daemon.Info {
	switch {
	case restart != nil:
		return restart.engine
	case found.Deployment == nil && found.Claim != nil:
		return daemon.Info{Version: found.Claim.Labels[dind.VersionLabel]}
	}
	return daemon.Info{}
}

// engineChange is empty where nothing changed, or nothing is known of before.
func engineChange(before, now daemon.Info) string {
	// A tag is only how an engine's version begins: 26.1.5 is 26.1.5+dfsg1.
	upgraded := before.Version != "" && !strings.HasPrefix(now.Version, before.Version)
	moved := before.StorageDriver != "" && before.StorageDriver != now.StorageDriver
	engine := fmt.Sprintf("Docker Engine %s → %s; ", before.Version, now.Version)
	if !upgraded {
		engine = ""
	}
	switch {
	case moved:
		return fmt.Sprintf("%sstorage driver %s → %s: the images and the cache of before are not used any more, and stay on the volume",
			engine, before.StorageDriver, now.StorageDriver)
	case upgraded && before.StorageDriver != "":
		return fmt.Sprintf("%simages and cache stay with storage driver %s", engine, now.StorageDriver)
	}
	return strings.TrimSuffix(engine, "; ")
}
