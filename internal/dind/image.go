package dind

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/distribution/reference"

	"github.com/dindctl/dindctl/internal/redact"
)

// enginePattern matches the engine's version in the tags of the official image and
// its copies: "29.7.2-dind", "24-dind-alpine3.18".
var enginePattern = regexp.MustCompile(`^v?([0-9]+(?:\.[0-9]+){0,2})(?:-|$)`)

// EngineVersion returns the engine's version from the image's tag, or "" if the tag
// has none, as in "docker:dind".
func EngineVersion(image string) string {
	named, _ := reference.ParseNormalizedNamed(image)
	tagged, ok := named.(reference.Tagged)
	if !ok {
		return ""
	}
	match := enginePattern.FindStringSubmatch(tagged.Tag())
	if match == nil || len(match[1]) > 63 { // the maximum length of a label value
		return ""
	}
	return match[1]
}

// majorOf returns the first number of a version.
func majorOf(version string) (major int, known bool) {
	first, _, _ := strings.Cut(version, ".")
	major, err := strconv.Atoi(first)
	return major, err == nil
}

func (o Options) checkImage(errs *OptionErrors) {
	const option = "--image"
	named, err := reference.ParseNormalizedNamed(o.Image)
	shown := redact.Address(o.Image)
	var tag string
	if tagged, ok := named.(reference.Tagged); ok {
		tag = tagged.Tag()
	}
	switch {
	case err != nil && shown != o.Image:
		errs.add(option, shown, "contains a user name or password", "Use a Secret with --image-pull-secret.")
	case err != nil:
		errs.add(option, o.Image, "is not an image reference ("+err.Error()+")", "Use [registry/]name:tag, for example "+DefaultImage+".")
	case strings.HasSuffix(tag, "-rootless"):
		// Its data is in a home directory: each restart of the pod would lose the cache.
		errs.add(option, o.Image, "is a rootless image, which does not store its data in "+DataRoot, "Use the image without -rootless.")
	case tag == "cli" || strings.HasSuffix(tag, "-cli"):
		errs.add(option, o.Image, "contains only the docker client, not the daemon", "Use the -dind image of the same version.")
	}
}
