package terminal

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestStepTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for d, want := range map[time.Duration]struct{ took, running string }{
			99 * time.Millisecond:    {"", ""},
			100 * time.Millisecond:   {" (0.1s)", ""},
			1249 * time.Millisecond:  {" (1.2s)", " (1s)"},
			59940 * time.Millisecond: {" (59.9s)", " (59s)"},
			125 * time.Second:        {" (2m5s)", " (2m5s)"},
		} {
			s := &step{began: time.Now().Add(-d)}
			if took, running := s.took(), s.running(); took != want.took || running != want.running {
				t.Errorf("after %v: took %q, running %q, want %q", d, took, running, want)
			}
		}
	})
}
