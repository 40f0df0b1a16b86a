package dind

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

// CacheLimit is the maximum size of the build cache, as a percentage of the volume or
// in bytes. Exactly one is set.
type CacheLimit struct{ Percent, Bytes int64 }

// The allowed percentages. The rest of the volume is for images, containers and
// running builds.
const minCachePercent, maxCachePercent = 1, 95

// ParseCacheLimit parses "75%", or a size like ParseSize.
func ParseCacheLimit(s string) (CacheLimit, error) {
	number, isPercent := strings.CutSuffix(s, "%")
	if !isPercent {
		size, err := ParseSize(s)
		return CacheLimit{Bytes: size}, err
	}
	percent, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return CacheLimit{}, errors.New("is not a whole percentage")
	}
	if percent < minCachePercent || percent > maxCachePercent {
		return CacheLimit{}, fmt.Errorf("must be between %d%% and %d%%, to leave room for images and running builds", minCachePercent, maxCachePercent)
	}
	return CacheLimit{Percent: int64(percent)}, nil
}

// Of returns the limit in bytes for a volume of the given size.
func (l CacheLimit) Of(volume int64) int64 {
	if l.Percent == 0 {
		return l.Bytes
	}
	// Divide first to avoid an overflow.
	return volume/100*l.Percent + volume%100*l.Percent/100
}

// sizePattern matches a size as Kubernetes (Gi) or Docker (GB) writes it: number,
// prefix, "i" for binary, "B".
var sizePattern = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?(?:([kKmMgGtTpP])(i?))?([bB]?)$`)

// ParseSize parses a positive size: a Kubernetes quantity ("50Gi", binary) or a size
// as docker prints it ("50GB", decimal). It returns bytes.
func ParseSize(s string) (int64, error) {
	match := sizePattern.FindStringSubmatch(s)
	if match == nil {
		return 0, errors.New("is not a size")
	}
	if match[2] == "m" && match[4] == "" {
		return 0, errors.New("means thousandths of a byte in Kubernetes")
	}
	prefix := strings.ToUpper(match[2])
	if prefix == "K" && match[3] == "" { // the only lower-case prefix of quantities
		prefix = "k"
	}
	quantity, err := resource.ParseQuantity(match[1] + prefix + match[3])
	if err != nil {
		return 0, errors.New("is not a size")
	}
	if quantity.Sign() <= 0 {
		return 0, errors.New("must be greater than zero")
	}
	if quantity.CmpInt64(math.MaxInt64) >= 0 {
		return 0, errors.New("is too large")
	}
	return quantity.Value(), nil
}

var daysPattern = regexp.MustCompile(`^([0-9]{1,5})d(.*)$`)

// parseUnusedFor parses a duration like time.ParseDuration, but also accepts days:
// "168h", "7d", "1d12h". It returns the duration as the engine accepts it, without
// days; zero is always "0".
func parseUnusedFor(s string) (string, error) {
	normal := s
	if match := daysPattern.FindStringSubmatch(s); match != nil {
		days, _ := strconv.Atoi(match[1]) // at most five digits
		normal = fmt.Sprintf("%dh%s", days*24, match[2])
	}
	age, err := time.ParseDuration(normal)
	switch {
	case err != nil:
		return "", errors.New("is not a duration")
	case age < 0:
		return "", errors.New("is negative")
	case age == 0:
		return "0", nil
	case age < time.Second:
		// The engine compares whole seconds: less than one would match everything.
		return "", errors.New("is less than a second")
	}
	return normal, nil
}
