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

// audited is a request in the API server's audit log.
type audited struct {
	Verb, RequestURI, UserAgent string
	User, ImpersonatedUser      struct{ Username string }
	ObjectRef                   struct{ Namespace, Resource, Subresource string }
}

// auditLog returns the audit log's requests whose entry contains the text.
func auditLog(t *testing.T, text string) (requests []audited) {
	t.Helper()
	file := got[*os.File](t)(os.Open(env.audit))
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if strings.Contains(lines.Text(), text) {
			var request audited
			must(t, json.Unmarshal(lines.Bytes(), &request))
			requests = append(requests, request)
		}
	}
	must(t, lines.Err())
	return requests
}

// auditOf returns all requests of a user, impersonated or not, including those
// that belong to no namespace. No other user may have the same name.
func auditOf(t *testing.T, user string) []audited {
	t.Helper()
	return slices.DeleteFunc(auditLog(t, user), func(r audited) bool {
		return r.ImpersonatedUser.Username != user && r.User.Username != user
	})
}

// writes returns the requests from the audit log with which dindctl changed
// something in the namespace. It returns nil if the cluster has no such log.
// Opening a port-forward or an exec changes nothing.
func (i *installation) writes(t *testing.T) (writes []string) {
	t.Helper()
	if env.audit == "" {
		return nil
	}
	for _, r := range auditLog(t, i.namespace) {
		if r.ObjectRef.Namespace == i.namespace && strings.HasPrefix(r.UserAgent, "dindctl/") &&
			slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, r.Verb) &&
			r.ObjectRef.Subresource != "portforward" && r.ObjectRef.Subresource != "exec" {
			writes = append(writes, r.Verb+" "+r.RequestURI)
		}
	}
	if len(writes) == 0 {
		t.Error("the audit log does not contain the first install: is it this cluster's?")
	}
	return writes
}
