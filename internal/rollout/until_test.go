package rollout

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestUntil(t *testing.T) {
	broken := errors.New("broken")
	one := script{openings: []opening{shows(added("a", "5"))}}
	tests := []struct {
		name   string
		script script
		handle func(observation) ([]source, bool, error)
		want   string // the error
		is     error
	}{
		{"done", one, func(observation) ([]source, bool, error) { return nil, true, nil }, "", nil},
		{"the handler fails", one, func(observation) ([]source, bool, error) { return nil, false, broken }, "broken", broken},
		{"time is up", one, func(observation) ([]source, bool, error) { return nil, false, nil }, "context deadline exceeded", context.DeadlineExceeded},
		{"refused permanently", script{openings: []opening{refused(errForbidden)}}, func(o observation) ([]source, bool, error) {
			t.Errorf("handed over %v", o)
			return nil, false, nil
		}, `watching pods: pods is forbidden: no`, errForbidden},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				quiet := script{openings: []opening{shows()}} // must end too
				err := until(ctx, []source{test.script.source("pods", ""), quiet.source("quiet", "")}, test.handle)
				if got := text(err); got != test.want || !errors.Is(err, test.is) {
					t.Errorf("got %q, want %q", got, test.want)
				}
				if refusal, is := errors.AsType[*WatchError](err); is && refusal.Resource != "pods" {
					t.Errorf("got resource %q", refusal.Resource)
				}
			})
		})
	}
}

func TestUntilFollowsMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pods := script{openings: []opening{shows(added("a", "5"))}}
		events := script{openings: []opening{shows(added("event-1", "5"), added("event-2", "6"))}}
		var got []string
		err := until(t.Context(), []source{pods.source("pods", "")}, func(o observation) (more []source, done bool, err error) {
			got = append(got, o.source+" "+spell(o))
			if o.source == "pods" {
				more = []source{events.source("events", "")}
			}
			return more, len(got) == 3, nil
		})
		if want := []string{"pods a", "events event-1", "events event-2"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q (%v), want %q", got, err, want)
		}
		if len(events.asked) != 1 {
			t.Errorf("events were watched %d times", len(events.asked))
		}
	})
}
