package lifecycle

import (
	"fmt"
	"strings"

	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/progress"
)

// reportEngineChange reports an engine or storage-driver change, what happens to
// existing images, and which clients are refused from now on.
func (i Instance) reportEngineChange(p plan, outcome *Installation) {
	if outcome.Daemon == nil {
		return
	}
	before, now := engineBefore(p.found, outcome.Restart), *outcome.Daemon
	if line := engineChange(before, now); line != "" {
		progress.Inform(i.Observer, line)
	}
	if now.AcceptsFewer(before) {
		progress.Warn(i.Observer, fmt.Sprintf("the daemon refuses clients older than API %s (before: %s), for example Testcontainers for Java before 1.21.4; update them, or accept them with --env %s=%s",
			now.MinAPIVersion, before.MinAPIVersion, dind.MinAPIVariable, before.MinAPIVersion))
	}
}

// engineBefore returns what the daemon that was restarted said about itself. If
// none was, the claim's label has the version of the earlier installation.
func engineBefore(found installation, restart *Restart) daemon.Info {
	switch {
	case restart != nil:
		return restart.engine
	case found.deployment() == nil && found.claim() != nil:
		return daemon.Info{Version: found.claim().Labels[dind.VersionLabel]}
	}
	return daemon.Info{}
}

// engineChange returns "" if nothing changed, or the earlier engine is unknown.
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
		return fmt.Sprintf("%sstorage driver %s → %s: the existing images and cache are no longer used but stay on the volume",
			engine, before.StorageDriver, now.StorageDriver)
	case upgraded && before.StorageDriver != "":
		return fmt.Sprintf("%simages and cache stay with storage driver %s", engine, now.StorageDriver)
	}
	return strings.TrimSuffix(engine, "; ")
}
