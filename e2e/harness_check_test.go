//go:build e2e

package e2e

import (
	"slices"
	"strings"
	"testing"
)

// checked is the document of `dindctl check -o json`.
type checked struct {
	Namespace string
	OK        bool
	Checks    []checkedOne
}

type checkedOne struct{ Name, Verdict, Reason, Hint string }

// checkOf runs check with -o json and reads its document.
func (i *installation) checkOf(t *testing.T, code int, options ...string) checked {
	t.Helper()
	return readCheck(t, dindctl(t, i.command("check", append(i.installOptions(options...), "-o", "json")...)...).want(t, code))
}

// readCheck reads the document of check. Each check must have a name, a verdict
// and a reason, and each failed check a hint.
func readCheck(t *testing.T, r result) checked {
	t.Helper()
	c := decode[checked](t, r)
	anyFailed := false
	for _, one := range c.Checks {
		anyFailed = anyFailed || one.Verdict == "failed"
		if one.Name == "" || one.Reason == "" || !slices.Contains([]string{"ok", "warning", "failed", "unknown"}, one.Verdict) {
			t.Errorf("a check without name, reason or verdict: %+v", one)
		}
		if one.Verdict == "failed" && one.Hint == "" {
			t.Errorf("a failed check without a hint: %+v", one)
		}
		if one.Verdict == "unknown" && !strings.HasPrefix(one.Reason, "unknown") {
			t.Errorf("an unknown result without the reason: %+v", one)
		}
	}
	if len(c.Checks) == 0 || c.OK == anyFailed || c.OK != (r.code == done) {
		t.Errorf("%d checks, ok: %v, exit code %d:\n%s", len(c.Checks), c.OK, r.code, r.stdout)
	}
	return c
}

// of returns the results of the check with this name.
func (c checked) of(name string) (results []checkedOne) {
	for _, one := range c.Checks {
		if one.Name == name {
			results = append(results, one)
		}
	}
	return results
}

// says checks that the check with this name has one result, with this verdict
// and a reason that contains the words.
func (c checked) says(t *testing.T, name, verdict string, words ...string) checkedOne {
	t.Helper()
	results := c.of(name)
	if len(results) != 1 || results[0].Verdict != verdict {
		t.Errorf("check %q: %+v, want %s", name, results, verdict)
		return checkedOne{}
	}
	contains(t, "check "+name, results[0].Reason, words...)
	return results[0]
}

// failedCheck returns the only check that failed, which must have this name.
func failedCheck(t *testing.T, r result, name string) checkedOne {
	t.Helper()
	var failures []checkedOne
	for _, one := range readCheck(t, r).Checks {
		if one.Verdict == "failed" {
			failures = append(failures, one)
		}
	}
	if len(failures) != 1 || failures[0].Name != name {
		t.Errorf("failed: %+v; want one, of %q", failures, name)
		return checkedOne{}
	}
	return failures[0]
}
