package rollout

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
)

var (
	errBusy      = apierrors.NewServiceUnavailable("busy")
	errGone      = apierrors.NewResourceExpired("too old resource version")
	errForbidden = apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New("no"))
)

// opening is the result of one request for a watch.
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

// refused fails to open a watch.
func refused(err error) opening {
	return func(context.Context) (watch.Interface, error) { return nil, err }
}

func added(name, version string) func(*watch.RaceFreeFakeWatcher) {
	return func(w *watch.RaceFreeFakeWatcher) { w.Add(podAt(name, version)) }
}

func modified(name, version string) func(*watch.RaceFreeFakeWatcher) {
	return func(w *watch.RaceFreeFakeWatcher) { w.Modify(podAt(name, version)) }
}

func deleted(name, version string) func(*watch.RaceFreeFakeWatcher) {
	return func(w *watch.RaceFreeFakeWatcher) { w.Delete(podAt(name, version)) }
}

func bookmark(version string) func(*watch.RaceFreeFakeWatcher) {
	return func(w *watch.RaceFreeFakeWatcher) { w.Action(watch.Bookmark, podAt("", version)) }
}

func failed(err *apierrors.StatusError) func(*watch.RaceFreeFakeWatcher) {
	return func(w *watch.RaceFreeFakeWatcher) { w.Error(&err.ErrStatus) }
}

func closed(w *watch.RaceFreeFakeWatcher) { w.Stop() }

func podAt(name, version string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: version}}
}

// listing is the result of one list request.
type listing func() ([]runtime.Object, string, error)

func lists(version string, names ...string) listing {
	var objects []runtime.Object
	for _, name := range names {
		objects = append(objects, podAt(name, version))
	}
	return func() ([]runtime.Object, string, error) { return objects, version, nil }
}

func unlisted(err error) listing {
	return func() ([]runtime.Object, string, error) { return nil, "", err }
}

// script answers requests in turn, repeating the last answer, and records them.
type script struct {
	lists    []listing
	openings []opening
	asked    []string // "list", "watch 5"
}

func (s *script) source(name, version string) source {
	listed, watches := 0, 0
	followed := source{name: name, options: metav1.ListOptions{ResourceVersion: version}}
	followed.open = func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
		watches++
		s.asked = append(s.asked, "watch "+options.ResourceVersion)
		return s.openings[min(watches, len(s.openings))-1](ctx)
	}
	if s.lists != nil {
		followed.list = func(context.Context) ([]runtime.Object, string, error) {
			listed++
			s.asked = append(s.asked, "list")
			return s.lists[min(listed, len(s.lists))-1]()
		}
	}
	return followed
}

func spell(o observation) string {
	switch {
	case o.err != nil:
		return "ended: " + string(apierrors.ReasonForError(o.err))
	case o.complete:
		text := "all:"
		for _, object := range o.objects {
			text += " " + object.(*corev1.Pod).Name
		}
		return text
	case o.deleted:
		return "gone " + o.object.(*corev1.Pod).Name
	}
	return o.object.(*corev1.Pod).Name
}

// heard runs a stream for a minute and returns its observations.
func heard(t *testing.T, followed source) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out := make(chan observation)
	go func() {
		followed.stream(ctx, out)
		close(out)
	}()
	var all []string
	for o := range out {
		if o.source != followed.name {
			t.Errorf("observation of %q, want %q", o.source, followed.name)
		}
		all = append(all, spell(o))
	}
	return all
}

func TestStream(t *testing.T) {
	tests := []struct {
		name    string
		script  script
		version string // that is known already
		want    []string
		asked   []string
	}{
		{"the state, then each change",
			script{lists: []listing{lists("5", "a", "b")}, openings: []opening{shows(added("c", "6"), modified("a", "7"), deleted("b", "8"))}}, "",
			[]string{"all: a b", "c", "a", "gone b"}, []string{"list", "watch 5"}},
		{"nothing there", script{lists: []listing{lists("5")}, openings: []opening{shows()}}, "", []string{"all:"}, []string{"list", "watch 5"}},
		{"from a known version", script{lists: []listing{lists("9")}, openings: []opening{shows(modified("a", "6"))}}, "5",
			[]string{"a"}, []string{"watch 5"}},
		{"the server closes the watch: the next one continues",
			script{lists: []listing{lists("5", "a")}, openings: []opening{shows(modified("a", "6"), bookmark("8"), closed), shows(added("b", "9"))}}, "",
			[]string{"all: a", "a", "b"}, []string{"list", "watch 5", "watch 8"}},
		{"410 within the watch: list again",
			script{lists: []listing{lists("5", "a"), lists("20", "b")}, openings: []opening{shows(failed(errGone)), shows(added("c", "21"))}}, "",
			[]string{"all: a", "all: b", "c"}, []string{"list", "watch 5", "list", "watch 20"}},
		{"410 for the known version",
			script{lists: []listing{lists("20", "b")}, openings: []opening{refused(errGone), shows()}}, "5",
			[]string{"all: b"}, []string{"watch 5", "list", "watch 20"}},
		{"errors, then recovery",
			script{lists: []listing{unlisted(errBusy), lists("5", "a"), lists("6", "a")}, openings: []opening{refused(errBusy), shows(added("b", "7"))}}, "",
			[]string{"all: a", "all: a", "b"}, []string{"list", "list", "watch 5", "list", "watch 6"}},
		{"listing is forbidden", script{lists: []listing{unlisted(errForbidden)}, openings: []opening{shows()}}, "",
			[]string{"ended: Forbidden"}, []string{"list"}},
		{"watching is forbidden", script{lists: []listing{lists("5", "a")}, openings: []opening{refused(errForbidden)}}, "",
			[]string{"all: a", "ended: Forbidden"}, []string{"list", "watch 5"}},
		{"watching becomes forbidden", script{lists: []listing{lists("5", "a")}, openings: []opening{shows(closed), refused(errForbidden)}}, "",
			[]string{"all: a", "ended: Forbidden"}, []string{"list", "watch 5", "watch 5"}},
		{"forbidden within the watch", script{lists: []listing{lists("5", "a")}, openings: []opening{shows(added("b", "6"), failed(errForbidden))}}, "",
			[]string{"all: a", "b", "ended: Forbidden"}, []string{"list", "watch 5"}},
		// Without a list, the watch sends the state.
		{"from the cache", script{openings: []opening{shows(added("a", "5"), closed), shows(added("a", "5"))}}, "",
			[]string{"a", "a"}, []string{"watch 0", "watch 0"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if got := heard(t, test.script.source("pods", test.version)); !slices.Equal(got, test.want) {
					t.Errorf("got  %q\nwant %q", got, test.want)
				}
				if !slices.Equal(test.script.asked, test.asked) {
					t.Errorf("asked %q\nwant  %q", test.script.asked, test.asked)
				}
			})
		})
	}
}

func TestStreamBacksOff(t *testing.T) {
	tests := []struct {
		name        string
		script      script
		least, most int // requests in a minute
	}{
		{"a watch that is closed immediately", script{openings: []opening{shows(closed)}}, 60, 105},
		{"a watch that is refused", script{openings: []opening{refused(errBusy)}}, 60, 105},
		{"a list that fails", script{lists: []listing{unlisted(errBusy)}}, 60, 105},
		// Each watch lasts 6 s and is followed by the shortest pause.
		{"a watch that lasts", script{openings: []opening{func(context.Context) (watch.Interface, error) {
			w := watch.NewRaceFreeFake()
			time.AfterFunc(6*time.Second, w.Stop)
			return w, nil
		}}}, 10, 10},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				heard(t, test.script.source("pods", ""))
				if n := len(test.script.asked); n < test.least || n > test.most {
					t.Errorf("%d requests in a minute, want %d to %d", n, test.least, test.most)
				}
			})
		})
	}
}

// The stream ends even if nobody reads its observations.
func TestStreamEndsWithoutReader(t *testing.T) {
	for name, script := range map[string]script{
		"while it sends the state":     {lists: []listing{lists("5", "a")}},
		"while it sends an object":     {openings: []opening{shows(added("a", "5"))}},
		"while it sends a refusal":     {openings: []opening{refused(errForbidden)}},
		"while it waits for an object": {openings: []opening{shows()}},
		"while it pauses":              {openings: []opening{shows(closed)}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				go script.source("pods", "").stream(ctx, make(chan observation))
				synctest.Wait()
				cancel() // the bubble waits for the goroutine's end
			})
		})
	}
}
