//go:build e2e

package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// installed is the document of `dindctl install -o json`.
type installed struct {
	Objects []struct {
		Kind   string `json:"kind"`
		Name   string `json:"name"`
		Change string `json:"change"`
		Fields []struct {
			Path     string `json:"path"`
			From, To any
		} `json:"fields"`
		Unmanaged []string `json:"unmanaged"`
	} `json:"objects"`
	DryRun          string            `json:"dryRun"`
	DockerHost      string            `json:"dockerHost"`
	Variables       map[string]string `json:"variables"`
	Daemon          map[string]any    `json:"daemon"`
	DurationSeconds float64           `json:"durationSeconds"`
}

// changes returns the kinds of changes to the objects, each once.
func (r installed) changes() []string {
	var changes []string
	for _, object := range r.Objects {
		changes = append(changes, object.Change)
	}
	slices.Sort(changes)
	return slices.Compact(changes)
}

// changesByName returns the change to each object.
func (r installed) changesByName() map[string]string {
	changes := map[string]string{}
	for _, object := range r.Objects {
		changes[object.Kind+" "+object.Name] = object.Change
	}
	return changes
}

// fields returns all changed fields with their values, such as "Deployment
// spec.replicas: 3 → 1".
func (r installed) fields(t *testing.T) []string {
	t.Helper()
	var fields []string
	for _, object := range r.Objects {
		for _, field := range object.Fields {
			from, to := got[[]byte](t)(json.Marshal(field.From)), got[[]byte](t)(json.Marshal(field.To))
			fields = append(fields, object.Kind+" "+field.Path+": "+string(from)+" → "+string(to))
		}
	}
	slices.Sort(fields)
	return fields
}

// pruned is the document of `dindctl prune-now -o json`.
type pruned struct {
	Job             string           `json:"job"`
	ReclaimedBytes  *int64           `json:"reclaimedBytes"`
	Before          map[string]int64 `json:"before"`
	After           map[string]int64 `json:"after"`
	DurationSeconds float64          `json:"durationSeconds"`
}

// failure is the document of a command that failed with -o json.
type failure struct {
	Code                       int
	Reason, Message, Hint, Log string
	Problems                   []struct{ Option, Value, Message, Hint string }
}

// failureOf reads the document of a failed command, which must have the exit
// code of the process, a reason and a message.
func failureOf(t *testing.T, r result) failure {
	t.Helper()
	document := decode[struct{ Error *failure }](t, r)
	if document.Error == nil {
		t.Fatalf("dindctl %s: no error in the document:\n%s", strings.Join(r.args, " "), r.stdout)
	}
	f := *document.Error
	if f.Code != r.code || f.Reason == "" || f.Message == "" {
		t.Errorf("dindctl %s ended with %d, but the document is: %+v", strings.Join(r.args, " "), r.code, f)
	}
	return f
}

// names checks that the failure has the reason, a message that contains each of
// the words, and a hint. The reason may be several alternatives separated by |.
func (f failure) names(t *testing.T, reason string, words ...string) failure {
	t.Helper()
	if !slices.Contains(strings.Split(reason, "|"), f.Reason) {
		t.Errorf("reason %q, want %s: %s", f.Reason, reason, f.Message)
	}
	for _, word := range words {
		if !strings.Contains(f.Message, word) {
			t.Errorf("the message does not say %q: %s", word, f.Message)
		}
	}
	if f.Hint == "" {
		t.Errorf("no hint: %s", f.Message)
	}
	return f
}

// finds checks that the only failed preflight check has this name, a message
// that contains the words, and a hint.
func (f failure) finds(t *testing.T, check string, words ...string) {
	t.Helper()
	f.names(t, "CheckFailed", "nothing was changed")
	if len(f.Problems) != 1 || f.Problems[0].Option != check || f.Problems[0].Hint == "" {
		t.Fatalf("problems: %+v; want one of %q, with a hint", f.Problems, check)
	}
	for _, word := range words {
		if !strings.Contains(f.Problems[0].Message, word) {
			t.Errorf("the check does not say %q: %s", word, f.Problems[0].Message)
		}
	}
}
