//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// audited is a request as the API server's audit log has it.
type audited struct {
	Verb, RequestURI, UserAgent string
	User, ImpersonatedUser      struct{ Username string }
	ObjectRef                   struct{ Namespace, Resource, Subresource string }
}

// auditOf are all requests of a user, impersonated or not, those that belong to
// no namespace included. No other user may have the name.
func auditOf(t *testing.T, user string) (requests []audited) {
	t.Helper()
	file := got[*os.File](t)(os.Open(env.audit))
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if !strings.Contains(lines.Text(), user) {
			continue
		}
		var request audited
		must(t, json.Unmarshal(lines.Bytes(), &request))
		if request.ImpersonatedUser.Username == user || request.User.Username == user {
			requests = append(requests, request)
		}
	}
	must(t, lines.Err())
	return requests
}
