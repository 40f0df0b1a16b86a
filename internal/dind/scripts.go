package dind

import (
	_ "embed"
	"strings"
)

// The scripts run in the image's own shell. They are part of the manifests, so
// that the official image needs no change and no other image is pulled.
var (
	//go:embed scripts/start.sh
	startScript string
	//go:embed scripts/await.sh
	awaitScript string
	//go:embed scripts/images.sh
	imagesScript string
	//go:embed scripts/guard.sh
	guardOnly   string
	guardScript = imagesScript + "\n" + guardOnly
	//go:embed scripts/prune.sh
	pruneOnly   string
	pruneScript = imagesScript + "\n" + pruneOnly
	//go:embed scripts/verify.sh
	verifyScript string
)

// literal protects a user's text from Kubernetes, which in commands, arguments
// and environment variables turns $(NAME) into a variable's value and $$ into
// one dollar. A password with a dollar sign must arrive as it was typed.
func literal(s string) string {
	if strings.Contains(s, "$(") || strings.Contains(s, "$$") {
		return strings.ReplaceAll(s, "$", "$$")
	}
	return s
}
