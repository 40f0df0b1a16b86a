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

func (o Options) checkStorage(errs *OptionErrors) {
	if o.StorageSize != "" {
		if _, reason := parseQuantity(o.StorageSize, true); reason != "" {
			errs.add("--storage-size", o.StorageSize, reason, "Use a quantity, for example "+DefaultStorageSize+".")
		}
	}
	if o.StorageClass != "" {
		checkObjectName(errs, "--storage-class", o.StorageClass, "StorageClass")
	}
	if o.ExistingClaim == "" {
		return
	}
	checkObjectName(errs, "--existing-claim", o.ExistingClaim, "PersistentVolumeClaim")
	for _, other := range []struct{ option, value string }{{"--storage-size", o.StorageSize}, {"--storage-class", o.StorageClass}} {
		if other.value != "" {
			errs.add(other.option, other.value, "has no effect with --existing-claim",
				"dindctl does not change the claim "+o.ExistingClaim+". "+omitOne)
		}
	}
}

// parseQuantity parses a positive quantity, whole for bytes, or returns the reason why
// it is not valid.
func parseQuantity(s string, whole bool) (resource.Quantity, string) {
	if hugeExponent.MatchString(s) {
		return resource.Quantity{}, "is too large or too small"
	}
	quantity, err := resource.ParseQuantity(s)
	switch {
	case err != nil:
		return quantity, "is not a quantity"
	case quantity.Sign() <= 0:
		return quantity, "must be greater than zero"
	case quantity.CmpInt64(math.MaxInt64) >= 0:
		return quantity, "is too large"
	case whole && quantity.CmpInt64(quantity.Value()) != 0:
		// 512m means 512 thousandths.
		return quantity, "is not a whole number of bytes"
	}
	return quantity, ""
}

// hugeExponent matches exponents with which ParseQuantity takes minutes.
var hugeExponent = regexp.MustCompile(`[eE][+-]?[0-9]{3,}`)

// systemPaths are directories that the node uses.
var systemPaths = []string{
	"/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/opt", "/proc", "/root", "/run", "/sbin",
	"/sys", "/tmp", "/usr", "/var", "/var/lib", "/var/lib/containerd", "/var/lib/docker", "/var/lib/kubelet", "/var/run",
}

func (o Options) checkLocalVolume(errs *OptionErrors) {
	if o.LocalPath == "" && o.LocalNode == "" {
		return
	}
	switch {
	case o.LocalPath == "":
		errs.add("--local-node", o.LocalNode, "needs --local-path", "Set the directory on that node, for example --local-path /mnt/docker.")
	case !path.IsAbs(o.LocalPath):
		errs.add("--local-path", o.LocalPath, "is not an absolute path", "Start it with a slash.")
	case !utf8.ValidString(o.LocalPath), strings.ContainsFunc(o.LocalPath, unicode.IsControl):
		errs.add("--local-path", o.LocalPath, "contains characters that are not printable", "Use UTF-8 without control characters.")
	case path.Clean(o.LocalPath) != o.LocalPath:
		errs.add("--local-path", o.LocalPath, "is not a clean path", "Use "+path.Clean(o.LocalPath)+".")
	case slices.Contains(systemPaths, o.LocalPath):
		errs.add("--local-path", o.LocalPath, "is a system directory of the node", "Use a dedicated directory, for example /mnt/docker.")
	}
	switch {
	case o.LocalNode == "":
		errs.add("--local-path", o.LocalPath, "needs --local-node", "Set the node that has the directory; kubectl get nodes lists the nodes.")
	case slices.ContainsFunc(o.localNodes(), func(node string) bool {
		return len(validation.IsDNS1123Subdomain(node)) > 0 || len(validation.IsValidLabelValue(node)) > 0
	}):
		errs.add("--local-node", o.LocalNode, "is not a valid node name", "kubectl get nodes lists the nodes.")
	}
	if o.StorageClass != "" {
		errs.add("--storage-class", o.StorageClass, "conflicts with --local-path", "A local volume has the class "+LocalStorageClass+". "+omitOne)
	}
	if o.ExistingClaim != "" {
		errs.add("--existing-claim", o.ExistingClaim, "conflicts with --local-path", "The claim already has a volume. "+omitOne)
	}
}

func (o Options) checkCacheLimit(errs *OptionErrors) {
	limit, err := ParseCacheLimit(o.CacheLimit)
	if err != nil {
		errs.add("--cache-limit", o.CacheLimit, err.Error(),
			"Use a percentage of the volume such as "+DefaultCacheLimit+", or a size such as 50Gi.")
		return
	}
	// Without a size, Build checks the limit against the live claim.
	if size, reason := parseQuantity(o.StorageSize, true); reason == "" {
		o.checkCacheFits(errs, limit, size)
	}
}

// checkCacheFits rejects a limit that is larger than the volume: the volume would fill
// up, and every build would fail.
func (o Options) checkCacheFits(errs *OptionErrors, limit CacheLimit, volume resource.Quantity) {
	if limit.Of(volume.Value()) > volume.Value() {
		errs.add("--cache-limit", o.CacheLimit, "is larger than the volume of "+volume.String(),
			"Use a smaller size, or a percentage such as "+DefaultCacheLimit+".")
	}
}
