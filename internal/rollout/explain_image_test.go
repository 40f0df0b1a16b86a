package rollout

import (
	"strings"
	"testing"
)

func TestPullHint(t *testing.T) {
	for message, want := range map[string]string{
		`Head "https://r/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority`: "does not trust the authority",
		"429 Too Many Requests: toomanyrequests: You have reached your unauthenticated pull rate limit":          "--image-pull-secret",
		"short name mode is enforcing, but image name docker:29 returns ambiguous list":                          "docker.io/library/",
		"not found": "Check --image",
	} {
		if got := pullHint(message); !strings.Contains(got, want) {
			t.Errorf("%s: %s", message, got)
		}
	}
}
