//go:build e2e

package e2e

import (
	"cmp"
	"fmt"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// survival counts what was done to installations, and how they ended.
type survival struct {
	mu                                sync.Mutex
	tried, reached, converged, claims int // claims counts lost claims
}

// counting returns a survival that is printed in one line when the test ends.
// what names the things that are counted, such as "kill points".
func counting(t *testing.T, what string) *survival {
	t.Helper()
	s := &survival{}
	t.Cleanup(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		t.Attr(strings.ReplaceAll(what, " ", "-"), fmt.Sprintf("%d tried, %d reached, %d converged, %d claims lost", s.tried, s.reached, s.converged, s.claims))
		if s.reached == 0 || s.converged < s.tried || s.claims > 0 {
			t.Errorf("not all %s converged", what)
		}
	})
	return s
}

// add counts one attempt: whether it reached its point, and whether the
// installation converged afterwards.
func (s *survival) add(reached, converged bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tried++
	if reached {
		s.reached++
	}
	if converged {
		s.converged++
	}
}

// guarded is an installation whose claim must stay the same once it exists.
type guarded struct {
	*installation
	count *survival
	given string // name of the claim of --existing-claim
	uid   types.UID
}

func (w *guarded) claimName() string { return cmp.Or(w.given, w.name+"-data") }

// checkClaim counts the claim as lost if it is gone or has been replaced.
func (w *guarded) checkClaim(t *testing.T) {
	t.Helper()
	found, err := env.cluster.CoreV1().PersistentVolumeClaims(w.namespace).Get(t.Context(), w.claimName(), metav1.GetOptions{})
	must(t, ignoreNotFound(err))
	var now types.UID
	if err == nil {
		now = found.UID
	}
	if w.uid != "" && now != w.uid {
		t.Errorf("the claim was %s and is now %q", w.uid, now)
		w.count.mu.Lock()
		w.count.claims++
		w.count.mu.Unlock()
	}
	w.uid = now
}

// times returns the number of repetitions: normal, or soak with DINDCTL_SOAK=1.
func times(normal, soak int) int {
	if env.soak {
		return soak
	}
	return normal
}

// tally counts injected faults and their outcomes, by command and fault.
type tally struct {
	mu     sync.Mutex
	counts map[string]map[fault]*count
}

// count covers the runs that the fault hit, but not those that sent too few
// requests.
type count struct{ tried, done, explained, broken int }

func (y *tally) add(command string, f fault, add func(*count)) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.counts == nil {
		y.counts = map[string]map[fault]*count{}
	}
	if y.counts[command] == nil {
		y.counts[command] = map[fault]*count{}
	}
	if y.counts[command][f] == nil {
		y.counts[command][f] = &count{}
	}
	add(y.counts[command][f])
}

// print logs a line for each fault: tried/survived for each command, then how
// many runs succeeded, failed with a clear error and were completed by the next
// run, or left something inconsistent.
func (y *tally) print(t *testing.T, commands []string, faults []fault) {
	t.Helper()
	y.mu.Lock()
	defer y.mu.Unlock()
	var out strings.Builder
	table := tabwriter.NewWriter(&out, 0, 0, 3, ' ', 0)
	fmt.Fprintf(table, "fault\t%s\tsucceeded\tfailed clearly\tinconsistent\n", strings.Join(commands, "\t"))
	var all count
	for _, f := range faults {
		var sum count
		fmt.Fprintf(table, "%s\t", f)
		for _, command := range commands {
			n := y.counts[command][f]
			if n == nil {
				n = &count{}
			}
			fmt.Fprintf(table, "%d/%d\t", n.tried, n.tried-n.broken)
			sum = sum.plus(*n)
		}
		fmt.Fprintf(table, "%d\t%d\t%d\n", sum.done, sum.explained, sum.broken)
		t.Attr(strings.ReplaceAll(string(f), " ", "-"), fmt.Sprintf("%d tried, %d survived", sum.tried, sum.tried-sum.broken))
		all = all.plus(sum)
	}
	_ = table.Flush()
	t.Logf("faults tried/survived, by command; succeeded, failed with a clear error, or left something inconsistent:\n%sin all: %d tried, %d survived",
		out.String(), all.tried, all.tried-all.broken)
	if all.tried == 0 {
		t.Error("no fault was injected")
	}
}

func (c count) plus(d count) count {
	return count{c.tried + d.tried, c.done + d.done, c.explained + d.explained, c.broken + d.broken}
}

// sameClaim returns the UID of the claim, and stops the test if the claim is
// not the one from before.
func (i *installation) sameClaim(t *testing.T, before types.UID) types.UID {
	t.Helper()
	found, err := env.cluster.CoreV1().PersistentVolumeClaims(i.namespace).Get(t.Context(), i.name+"-data", metav1.GetOptions{})
	must(t, ignoreNotFound(err))
	switch {
	case err != nil && before != "":
		t.Fatal("the claim is gone")
	case err != nil:
		return ""
	case before != "" && found.UID != before:
		t.Fatal("the claim has been replaced")
	}
	return found.UID
}
