package dind

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/distribution/reference"

	"github.com/dindctl/dindctl/internal/redact"
)

// enginePattern finds the engine's version at the start of a tag, where the
// official image and its copies have it: "29.7.2-dind", "24-dind-alpine3.18".
var enginePattern = regexp.MustCompile(`^v?([0-9]+(?:\.[0-9]+){0,2})(?:-|$)`)

// EngineVersion is the engine's version as far as the image's tag tells it; ""
// where there is no tag or it is not a version, as in "docker:dind".
func EngineVersion(image string) string {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return ""
	}
	tagged, ok := named.(reference.Tagged)
	if !ok {
		return ""
	}
	match := enginePattern.FindStringSubmatch(tagged.Tag())
	if match == nil || len(match[1]) > 63 { // the longest value of a label
		return ""
	}
	return match[1]
}

// engineMajor is the first number of EngineVersion, or unknown.
func engineMajor(image string) (major int, known bool) {
	first, _, _ := strings.Cut(EngineVersion(image), ".")
	major, err := strconv.Atoi(first)
	return major, err == nil
}

func (o Options) checkImage(ps *Problems) {
	const option = "--image"
	named, err := reference.ParseNormalizedNamed(o.Image)
	if shown := redact.Address(o.Image); err != nil && shown != o.Image {
		ps.add(option, shown, "has a user name or password in it", "Put them into a Secret and name that with --image-pull-secret.")
		return
	}
	if err != nil {
		ps.add(option, o.Image, "is not an image reference ("+err.Error()+")",
			"Give it as [registry/]name:tag, for example "+DefaultImage+".")
		return
	}
	tagged, ok := named.(reference.Tagged)
	if !ok {
		return
	}
	switch tag := tagged.Tag(); {
	case strings.HasSuffix(tag, "-rootless"):
		// Rootless images keep their data in the home of another user: the
		// volume would stay empty and the cache be lost with every pod.
		ps.add(option, o.Image, "is a rootless image, which does not keep its data in "+DataRoot,
			"Use the image without -rootless.")
	case tag == "cli" || strings.HasSuffix(tag, "-cli"):
		ps.add(option, o.Image, "holds the docker client only, and no daemon",
			"Use the -dind image of the same version.")
	}
}
