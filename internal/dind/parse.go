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

// CacheLimit is how much build cache to keep: a share of the volume or a size;
// exactly one of the two is set.
type CacheLimit struct {
	Percent int64
	Bytes   int64
}

// The share that may be asked for. The rest of the volume is for images,
// containers and whatever builds write before the collector comes by, so the
// whole volume is never on offer.
const minCachePercent, maxCachePercent = 1, 95

// ParseCacheLimit reads "75%", or a size as ParseSize does.
func ParseCacheLimit(s string) (CacheLimit, error) {
	share, isShare := strings.CutSuffix(s, "%")
	if !isShare {
		size, err := ParseSize(s)
		return CacheLimit{Bytes: size}, err
	}
	percent, err := strconv.ParseUint(share, 10, 32)
	if err != nil {
		return CacheLimit{}, errors.New("is not a whole number of percent")
	}
	if percent < minCachePercent || percent > maxCachePercent {
		return CacheLimit{}, fmt.Errorf("must be between %d%% and %d%%, to leave room for images and running builds", minCachePercent, maxCachePercent)
	}
	return CacheLimit{Percent: int64(percent)}, nil
}

// Of is the limit in bytes on a volume of the given size.
func (l CacheLimit) Of(volume int64) int64 {
	if l.Percent == 0 {
		return l.Bytes
	}
	// Divided first, so that no volume overflows.
	return volume/100*l.Percent + volume%100*l.Percent/100
}

// sizePattern is a number and a unit as Kubernetes (Gi) or Docker (GB) writes
// it: number, prefix, "i" for binary, "B".
var sizePattern = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?(?:([kKmMgGtTpP])(i?))?([bB]?)$`)

// ParseSize reads a positive size in bytes: a Kubernetes quantity ("50Gi",
// binary) or a size as docker prints it ("50GB", decimal).
func ParseSize(s string) (int64, error) {
	match := sizePattern.FindStringSubmatch(s)
	if match == nil {
		return 0, errors.New("is not a size")
	}
	if match[2] == "m" && match[4] == "" {
		return 0, errors.New("means a thousandth of a byte to Kubernetes")
	}
	prefix := strings.ToUpper(match[2])
	if prefix == "K" && match[3] == "" { // the one prefix that quantities write small
		prefix = "k"
	}
	quantity, err := resource.ParseQuantity(match[1] + prefix + match[3])
	if err != nil {
		return 0, errors.New("is not a size")
	}
	if quantity.Sign() <= 0 {
		return 0, errors.New("must be more than nothing")
	}
	if quantity.CmpInt64(math.MaxInt64) >= 0 {
		return 0, errors.New("is too large")
	}
	return quantity.Value(), nil
}

var daysPattern = regexp.MustCompile(`^([0-9]{1,5})d(.*)$`)

// parseUnusedFor reads an age as time.ParseDuration does, and days as well:
// "168h", "7d", "1d12h". It gives it back as the engine wants it, which knows
// no days; every way to write nothing becomes "0".
func parseUnusedFor(s string) (string, error) {
	normal := s
	if match := daysPattern.FindStringSubmatch(s); match != nil {
		days, err := strconv.Atoi(match[1])
		if err != nil {
			return "", err
		}
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
		// The engine compares whole seconds: less would mean everything.
		return "", errors.New("is less than a second")
	}
	return normal, nil
}
