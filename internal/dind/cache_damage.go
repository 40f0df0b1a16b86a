package dind

import (
	"regexp"
	"strings"
	"time"
)

// CacheDamage is a sign that the build cache is damaged, in a build's output or in the
// daemon's log. Only removing the cache repairs it.
type CacheDamage struct {
	// Sign is what builds fail with.
	Sign string
	// Panic means that the daemon ends whenever it adds up the sizes of its cache.
	Panic bool
	// Time is zero if the line does not begin with one.
	Time time.Time
}

var (
	// The first is containerd's and BuildKit's, the others are those of the graph drivers.
	missingPattern = regexp.MustCompile(`snapshot \S+ does not exist|failed to get layer\b[^"\\]*|layer does not exist`)
	// A frame of a goroutine's stack, which the daemon prints when it panics.
	panicPattern = regexp.MustCompile(`^github\.com/moby/buildkit/cache\.\(\*cacheManager\)\.DiskUsage\(`)
)

// FindCacheDamage returns the last sign in a text, or nil. Its lines may begin with the
// time, as Kubernetes writes it.
func FindCacheDamage(text string) (last *CacheDamage) {
	panicking := false
	for line := range strings.Lines(text) {
		found := CacheDamage{}
		word, rest, _ := strings.Cut(line, " ")
		if at, err := time.Parse(time.RFC3339Nano, word); err == nil {
			found.Time, line = at.UTC(), rest
		}
		panicking = panicking || strings.HasPrefix(line, "panic: ")
		found.Panic = panicking && panicPattern.MatchString(line)
		found.Sign = strings.TrimSpace(missingPattern.FindString(line))
		if found.Panic || found.Sign != "" {
			last = &found
		}
	}
	return last
}
