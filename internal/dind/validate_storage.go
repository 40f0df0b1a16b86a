package dind

import (
	"math"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

func (o Options) checkStorage(ps *Problems) {
	if o.StorageSize != "" {
		if _, reason := parseQuantity(o.StorageSize, true); reason != "" {
			ps.add("--storage-size", o.StorageSize, reason, "Give a quantity, for example "+DefaultStorageSize+".")
		}
	}
	if o.StorageClass != "" {
		checkObjectName(ps, "--storage-class", o.StorageClass, "a StorageClass")
	}
	if o.ExistingClaim == "" {
		return
	}
	checkObjectName(ps, "--existing-claim", o.ExistingClaim, "a PersistentVolumeClaim")
	for _, other := range []struct{ option, value string }{
		{"--storage-size", o.StorageSize},
		{"--storage-class", o.StorageClass},
	} {
		if other.value != "" {
			ps.add(other.option, other.value, "has no effect together with --existing-claim",
				"The claim "+o.ExistingClaim+" is not dindctl's, so it is used as it is. Leave one of the two out.")
		}
	}
}

// parseQuantity reads a positive quantity; of bytes there are only whole ones.
// A reason is given instead if it is none.
func parseQuantity(s string, whole bool) (resource.Quantity, string) {
	if hugeExponent.MatchString(s) {
		return resource.Quantity{}, "is too large or too small"
	}
	quantity, err := resource.ParseQuantity(s)
	switch {
	case err != nil:
		return quantity, "is not a quantity"
	case quantity.Sign() <= 0:
		return quantity, "must be more than nothing"
	case quantity.CmpInt64(math.MaxInt64) >= 0:
		return quantity, "is too large"
	case whole && quantity.CmpInt64(quantity.Value()) != 0:
		// A small "m" means a thousandth; whoever types 512m means 512Mi.
		return quantity, "is not a whole number of bytes"
	}
	return quantity, ""
}

// hugeExponent is one with which Kubernetes' parser would reckon for minutes.
var hugeExponent = regexp.MustCompile(`[eE][+-]?[0-9]{3,}`)

// systemPaths are directories of the node that are in use already. Two daemons
// on one data root corrupt it, and the others belong to the system.
var systemPaths = []string{
	"/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/opt", "/proc", "/root", "/run", "/sbin",
	"/sys", "/tmp", "/usr", "/var", "/var/lib", "/var/lib/containerd", "/var/lib/docker", "/var/lib/kubelet", "/var/run",
}

func (o Options) checkLocalVolume(ps *Problems) {
	if o.LocalPath == "" && o.LocalNode == "" {
		return
	}
	switch {
	case o.LocalPath == "":
		ps.add("--local-node", o.LocalNode, "needs --local-path",
			"Name the directory on that node, for example --local-path /mnt/docker.")
	case !path.IsAbs(o.LocalPath):
		ps.add("--local-path", o.LocalPath, "is not an absolute path", "Begin it with a slash.")
	case !utf8.ValidString(o.LocalPath), strings.ContainsFunc(o.LocalPath, unicode.IsControl):
		ps.add("--local-path", o.LocalPath, "has characters in it that cannot be shown", "Write it in UTF-8, without control characters.")
	case path.Clean(o.LocalPath) != o.LocalPath:
		ps.add("--local-path", o.LocalPath, "is not a plain path", "Write it as "+path.Clean(o.LocalPath)+".")
	case slices.Contains(systemPaths, o.LocalPath):
		ps.add("--local-path", o.LocalPath, "is a directory that the node itself uses",
			"Make a directory for this daemon alone, for example /mnt/docker.")
	}
	switch {
	case o.LocalNode == "":
		ps.add("--local-path", o.LocalPath, "needs --local-node",
			"Name the node that has the directory; kubectl get nodes lists them.")
	case len(validation.IsDNS1123Subdomain(o.LocalNode)) > 0 || len(validation.IsValidLabelValue(o.LocalNode)) > 0:
		ps.add("--local-node", o.LocalNode, "is not the name of a node", "kubectl get nodes lists them.")
	}
	if o.StorageClass != "" {
		ps.add("--storage-class", o.StorageClass, "cannot go together with --local-path",
			"A local volume has the class "+LocalStorageClass+". Leave one of the two out.")
	}
	if o.ExistingClaim != "" {
		ps.add("--existing-claim", o.ExistingClaim, "cannot go together with --local-path",
			"The claim has its volume already. Leave one of the two out.")
	}
}

func (o Options) checkCacheLimit(ps *Problems) {
	limit, err := ParseCacheLimit(o.CacheLimit)
	if err != nil {
		ps.add("--cache-limit", o.CacheLimit, err.Error(),
			"Give a share of the volume such as "+DefaultCacheLimit+", or a size such as 50Gi.")
		return
	}
	// Where no size was asked for, the size is the live claim's: see Build.
	if size, reason := parseQuantity(o.StorageSize, true); reason == "" {
		o.checkCacheFits(ps, limit, size)
	}
}

// checkCacheFits refuses a limit that can never be reached: the volume would
// be full first, and a full volume fails every build.
func (o Options) checkCacheFits(ps *Problems, limit CacheLimit, volume resource.Quantity) {
	if limit.Of(volume.Value()) > volume.Value() {
		ps.add("--cache-limit", o.CacheLimit, "is more than the volume of "+volume.String()+" holds",
			"Give a smaller size, or a share such as "+DefaultCacheLimit+".")
	}
}
