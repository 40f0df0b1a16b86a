//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// survival counts what was done to installations, and how they came out of it.
type survival struct {
	mu                                sync.Mutex
	tried, reached, converged, claims int // claims are those that were lost
}

// counting makes one that is printed, in one line, when the test ends, however it
// ends; what names what is counted: "kill points".
func counting(t *testing.T, what string) *survival {
	t.Helper()
	s := &survival{}
	t.Cleanup(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		t.Attr(strings.ReplaceAll(what, " ", "-"), fmt.Sprintf("%d tried, %d reached, %d converged, %d claims lost", s.tried, s.reached, s.converged, s.claims))
		if s.reached == 0 || s.converged < s.tried || s.claims > 0 {
			t.Errorf("not every one of the %s converged", what)
		}
	})
	return s
}

// add counts one that was tried: whether it happened, and whether it all came
// right in the end.
func (s *survival) add(tried, reached, converged bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, is := range map[*int]bool{&s.tried: tried, &s.reached: tried && reached, &s.converged: tried && converged} {
		if is {
			*n++
		}
	}
}

// guarded is an installation whose claim must stay the one it was from the first
// moment it exists.
type guarded struct {
	*installation
	count *survival
	uid   types.UID
}

// look counts a claim that is gone or is another one than before.
func (w *guarded) look(t *testing.T) {
	t.Helper()
	found, err := env.cluster.CoreV1().PersistentVolumeClaims(w.namespace).Get(t.Context(), w.name+"-data", metav1.GetOptions{})
	must(t, ignoreNotFound(err))
	var now types.UID
	if err == nil {
		now = found.UID
	}
	if w.uid != "" && now != w.uid {
		t.Errorf("the claim was %s and is %q", w.uid, now)
		w.count.mu.Lock()
		w.count.claims++
		w.count.mu.Unlock()
	}
	w.uid = now
}

// times is how often something is repeated: a few times in normal runs.
func times(normal, soak int) int {
	if env.soak {
		return soak
	}
	return normal
}
