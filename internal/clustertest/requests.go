package clustertest

import (
	"slices"
	"strings"

	ktesting "k8s.io/client-go/testing"
)

// Requests returns the requests with these verbs, such as "patch services". Without
// verbs it returns all requests. Dry runs and access reviews are left out.
func (s *Server) Requests(verbs ...string) []string {
	var sent []string
	for _, action := range s.Actions() {
		if len(verbs) > 0 && !slices.Contains(verbs, action.GetVerb()) {
			continue
		}
		if create, is := action.(ktesting.CreateActionImpl); is && (len(create.CreateOptions.DryRun) > 0 || strings.HasPrefix(action.GetResource().Resource, "selfsubject")) {
			continue
		}
		if patch, is := action.(ktesting.PatchActionImpl); is && len(patch.PatchOptions.DryRun) > 0 {
			continue
		}
		sent = append(sent, action.GetVerb()+" "+action.GetResource().Resource)
	}
	return sent
}

// Writes returns the requests that change objects, sorted.
func (s *Server) Writes() []string {
	sent := s.Requests("create", "update", "patch", "delete", "delete-collection")
	slices.Sort(sent)
	return sent
}
