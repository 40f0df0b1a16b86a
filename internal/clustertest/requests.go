package clustertest

import (
	"slices"
	"strings"

	ktesting "k8s.io/client-go/testing"
)

// Requests lists what was sent, by verb: "patch services".
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

// Writes lists the requests that change something, sorted.
func (s *Server) Writes() []string {
	sent := s.Requests("create", "update", "patch", "delete", "delete-collection")
	slices.Sort(sent)
	return sent
}
