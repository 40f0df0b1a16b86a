package lifecycle

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
)

// unusedMirrors says which mirrors of registries other than Docker Hub the daemon does not
// use, and what helps; "" if it uses all.
func unusedMirrors(options dind.Options, info daemon.Info) (message, hint string) {
	registries := options.MirroredRegistries()
	if len(registries) == 0 {
		return "", ""
	}
	mirrors := "the mirrors of " + strings.Join(registries, ", ")
	first, _, _ := strings.Cut(info.Version, ".")
	if major, err := strconv.Atoi(first); err == nil && major < dind.MirrorsFrom {
		return fmt.Sprintf("Docker Engine %s does not use %s.", info.Version, mirrors),
			fmt.Sprintf("Use an --image with Docker Engine %d or later.", dind.MirrorsFrom)
	}
	if info.ContainerdStore {
		return "", ""
	}
	return fmt.Sprintf("Only builds use %s: with the storage driver %s, `docker pull` and `docker run` do not.", mirrors, info.StorageDriver),
		"They do with containerd's image store, which Docker Engine 29 chooses for an empty data root."
}
