package dind

import (
	"regexp"
	"strconv"
)

var wordPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)

func (o Options) checkDaemon(errs *OptionErrors) {
	if o.StorageDriver != "" && !wordPattern.MatchString(o.StorageDriver) {
		errs.add("--storage-driver", o.StorageDriver, "is not a valid storage driver name",
			"Omit it to let the engine choose, or use a name such as overlay2.")
	}
	if o.MTU != DefaultMTU {
		// IPv4 requires at least 68.
		if n, err := strconv.ParseUint(o.MTU, 10, 16); err != nil || n < 68 {
			errs.add("--mtu", o.MTU, "is neither auto nor a number of bytes from 68 to 65535",
				"Omit it to use the MTU of the pod's network.")
		}
	}
}
