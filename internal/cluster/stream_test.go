package cluster

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
)

var (
	errBusy      = apierrors.NewServiceUnavailable("busy")
	errGone      = apierrors.NewResourceExpired("too old resource version")
	errForbidden = apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New("no"))
)

// opening is what one request for a watch comes to.
type opening func(context.Context) (watch.Interface, error)

// shows opens a watch that has these events and stays open.
func shows(events ...func(*watch.RaceFreeFakeWatcher)) opening {
	return func(context.Context) (watch.Interface, error) {
		w := watch.NewRaceFreeFake()
		for _, event := range events {
			event(w)
		}
		return w, nil
	}
}

func added(name string) func(*watch.RaceFreeFakeWatcher) {
	return func(w *watch.RaceFreeFakeWatcher) { w.Add(podNamed(name)) }
}

func modified(name string) func(*watch.RaceFreeFakeWatcher) {
	return func(w *watch.RaceFreeFakeWatcher) { w.Modify(podNamed(name)) }
}

func deleted(name string) func(*watch.RaceFreeFakeWatcher) {
	return func(w *watch.RaceFreeFakeWatcher) { w.Delete(podNamed(name)) }
}

func failed(err *apierrors.StatusError) func(*watch.RaceFreeFakeWatcher) {
	return func(w *watch.RaceFreeFakeWatcher) { w.Error(&err.ErrStatus) }
}

func closed(w *watch.RaceFreeFakeWatcher) { w.Stop() }

func podNamed(name string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, UID: "uid"}}
}

// refused opens no watch.
func refused(err error) opening {
	return func(context.Context) (watch.Interface, error) { return nil, err }
}

// inTurn gives the openings one after the other, the last one for ever, and
// counts them.
func inTurn(openings ...opening) (openWatch, *int) {
	n := 0
	return func(ctx context.Context, _ metav1.ListOptions) (watch.Interface, error) {
		n++
		return openings[min(n, len(openings))-1](ctx)
	}, &n
}

func spell(o observation) string {
	var text string
	switch {
	case o.final:
		text = "final"
	case o.restarted:
		text = "restarted"
	case o.deleted:
		text = "gone " + o.object.(*corev1.Pod).Name
	default:
		text = o.object.(*corev1.Pod).Name
	}
	if o.err != nil {
		text += ": " + string(apierrors.ReasonForError(o.err))
	}
	return text
}

// heard runs a stream for a minute and tells what it reported.
func heard(t *testing.T, open openWatch) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out := make(chan observation)
	go func() {
		stream(ctx, "pods", open, metav1.ListOptions{}, out)
		close(out)
	}()
	var all []string
	for o := range out {
		if o.source != "pods" {
			t.Errorf("observation of %q, want pods", o.source)
		}
		all = append(all, spell(o))
	}
	return all
}

func TestStream(t *testing.T) {
	tests := []struct {
		name     string
		openings []opening
		want     []string
		opened   int
	}{
		{"what exists, then every change",
			[]opening{shows(added("a"), added("b"), modified("a"), deleted("b"))},
			[]string{"a", "b", "a", "gone b"}, 1},
		{"nothing there", []opening{shows()}, nil, 1},
		{"the server closes the watch",
			[]opening{shows(added("a"), closed), shows(added("b"))},
			[]string{"a", "restarted", "b"}, 2},
		{"410 within the watch",
			[]opening{shows(added("a"), failed(errGone)), shows(added("b"))},
			[]string{"a", "restarted: Expired", "b"}, 2},
		{"errors, then recovery",
			[]opening{refused(errBusy), refused(errBusy), shows(added("a"))},
			[]string{"restarted: ServiceUnavailable", "restarted: ServiceUnavailable", "a"}, 3},
		{"a bookmark says nothing",
			[]opening{shows(func(w *watch.RaceFreeFakeWatcher) { w.Action(watch.Bookmark, podNamed("x")) }, added("a"))},
			[]string{"a"}, 1},
		{"forbidden from the start", []opening{refused(errForbidden)}, []string{"final: Forbidden"}, 1},
		{"forbidden meanwhile",
			[]opening{shows(added("a"), closed), refused(errForbidden)},
			[]string{"a", "restarted", "final: Forbidden"}, 2},
		{"forbidden within the watch",
			[]opening{shows(added("a"), failed(errForbidden))},
			[]string{"a", "final: Forbidden"}, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				open, opened := inTurn(test.openings...)
				if got := heard(t, open); !slices.Equal(got, test.want) {
					t.Errorf("got  %q\nwant %q", got, test.want)
				}
				if *opened != test.opened {
					t.Errorf("%d watches opened, want %d", *opened, test.opened)
				}
			})
		})
	}
}

func TestStreamBacksOff(t *testing.T) {
	tests := []struct {
		name        string
		opening     opening
		least, most int // watches in a minute
	}{
		{"a watch that is closed at once", shows(closed), 60, 105},
		{"a watch that is refused", refused(errBusy), 60, 105},
		// After 6 s each, every one of them waits for the shortest pause alone.
		{"a watch that held", func(context.Context) (watch.Interface, error) {
			w := watch.NewRaceFreeFake()
			time.AfterFunc(6*time.Second, w.Stop)
			return w, nil
		}, 10, 10},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				open, opened := inTurn(test.opening)
				heard(t, open)
				if *opened < test.least || *opened > test.most {
					t.Errorf("%d watches in a minute, want %d to %d", *opened, test.least, test.most)
				}
			})
		})
	}
}

// Nobody listens any more: the stream must end all the same.
func TestStreamEndsUnheard(t *testing.T) {
	for name, first := range map[string]opening{
		"while it tells of an object":  shows(added("a")),
		"while it tells of a restart":  shows(closed),
		"while it tells of a refusal":  refused(errForbidden),
		"while it waits for an object": shows(),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				open, _ := inTurn(first)
				go stream(ctx, "pods", open, metav1.ListOptions{}, make(chan observation))
				synctest.Wait()
				cancel() // the bubble waits for the goroutine's end
			})
		})
	}
}

func TestFollowStopsTheWatch(t *testing.T) {
	w := watch.NewRaceFreeFake()
	w.Add(podNamed("a"))
	open := func(context.Context, metav1.ListOptions) (watch.Interface, error) { return w, nil }
	if err := follow(t.Context(), open, metav1.ListOptions{}, func(observation) bool { return false }); err != nil {
		t.Error(err)
	}
	if !w.IsStopped() {
		t.Error("the watch was left open")
	}
}

func TestUntil(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		name   string
		first  opening
		handle func(observation) ([]source, bool, error)
		want   string // the error
		is     error
	}{
		{"done", shows(added("a")),
			func(observation) ([]source, bool, error) { return nil, true, nil }, "", nil},
		{"the handler fails", shows(added("a")),
			func(observation) ([]source, bool, error) { return nil, false, broken }, "broken", broken},
		{"time is up", shows(added("a")),
			func(observation) ([]source, bool, error) { return nil, false, nil }, "context deadline exceeded", context.DeadlineExceeded},
		{"refused for good", refused(errForbidden),
			func(o observation) ([]source, bool, error) { t.Errorf("handed over %v", o); return nil, false, nil },
			`watching pods: pods is forbidden: no`, errForbidden},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				open, _ := inTurn(test.first)
				quiet, _ := inTurn(shows()) // must be ended too
				err := until(ctx, []source{{name: "pods", open: open}, {name: "quiet", open: quiet}}, test.handle)
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
		pods, _ := inTurn(shows(added("a")))
		events, opened := inTurn(shows(added("event-1"), added("event-2")))
		var got []string
		err := until(t.Context(), []source{{name: "pods", open: pods}}, func(o observation) (more []source, done bool, err error) {
			got = append(got, o.source+" "+spell(o))
			if o.source == "pods" {
				more = []source{{name: "events", open: events}}
			}
			return more, len(got) == 3, nil
		})
		if want := []string{"pods a", "events event-1", "events event-2"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q (%v), want %q", got, err, want)
		}
		if *opened != 1 {
			t.Errorf("events were watched %d times", *opened)
		}
	})
}

func TestPermanent(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	tests := []struct {
		name string
		err  error
		want bool
	}{
		{"forbidden", errForbidden, true},
		{"unauthorized", apierrors.NewUnauthorized("who?"), true},
		{"bad request", apierrors.NewBadRequest("what?"), true},
		{"no such resource", apierrors.NewNotFound(pods, ""), true},
		{"watching not supported", apierrors.NewMethodNotSupported(pods, "watch"), true},
		{"gone", errGone, false},
		{"busy", errBusy, false},
		{"too many requests", apierrors.NewTooManyRequests("slow", 1), false},
		{"internal error", apierrors.NewInternalError(errors.New("x")), false},
		{"no answer", errors.New("connection refused"), false},
		{"a proxy's answer", apierrors.NewGenericServerResponse(http.StatusBadGateway, "watch", pods, "", "", 0, true), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := permanent(test.err); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
