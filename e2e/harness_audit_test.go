//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
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

// writes are the requests of dindctl in the namespace that changed something,
// from the API server's audit log; none where there is no such log. Opening a
// port-forward or an exec is no change.
func (i *installation) writes(t *testing.T) []string {
	t.Helper()
	if env.audit == "" {
		return nil
	}
	file := got[*os.File](t)(os.Open(env.audit))
	defer file.Close()
	var writes []string
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if !strings.Contains(lines.Text(), i.namespace) {
			continue
		}
		var event struct {
			Verb, RequestURI, UserAgent string
			ObjectRef                   struct{ Namespace, Resource, Subresource string }
		}
		must(t, json.Unmarshal(lines.Bytes(), &event))
		if event.ObjectRef.Namespace == i.namespace && strings.HasPrefix(event.UserAgent, "dindctl/") &&
			slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, event.Verb) &&
			event.ObjectRef.Subresource != "portforward" && event.ObjectRef.Subresource != "exec" {
			writes = append(writes, event.Verb+" "+event.RequestURI)
		}
	}
	must(t, lines.Err())
	if len(writes) == 0 {
		t.Error("the audit log does not even have the first install: is it this cluster's?")
	}
	return writes
}
