package versions

import (
	"fmt"
	"regexp"
	"strconv"
)

// Release is a version of Kubernetes, for example v1.36.3.
type Release string

var release = regexp.MustCompile(`^v1\.(\d+)\.\d+$`)

// ParseRelease returns the version that is written like v1.36.3.
func ParseRelease(text string) (Release, error) {
	if !release.MatchString(text) {
		return "", fmt.Errorf("no version of Kubernetes: %q: write it like %s", text, Kubernetes)
	}
	return Release(text), nil
}

// Minor returns 36 for v1.36.3.
func (r Release) Minor() int {
	minor, _ := strconv.Atoi(release.FindStringSubmatch(string(r))[1])
	return minor
}
