//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The tests of the causes put one thing in the way of an installation, and look
// at how long dindctl takes to name it, in which words, and with which way out.

// shortly is a --timeout for what cannot become ready: the cause is known long
// before, and the rest is waiting.
const shortly = "8s"

// failure is the document of a command that failed with -o json.
type failure struct {
	Code                       int
	Reason, Message, Hint, Log string
	Problems                   []struct{ Option, Value, Message, Hint string }
}

// failureOf reads the document, which tells the process's own exit code and is
// never without a reason and a message.
func failureOf(t *testing.T, r result) failure {
	t.Helper()
	document := decode[struct{ Error *failure }](t, r)
	if document.Error == nil {
		t.Fatalf("dindctl %s: no error in the document:\n%s", strings.Join(r.args, " "), r.stdout)
	}
	f := *document.Error
	if f.Code != r.code || f.Reason == "" || f.Message == "" {
		t.Errorf("dindctl %s ended with %d and the document says: %+v", strings.Join(r.args, " "), r.code, f)
	}
	return f
}

// names checks the reason, that the message has each of the words, which are
// the cluster's own, and that there is a hint. Several reasons are parted by |.
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

// finds checks that the preflight check of that name failed with these words
// and a hint of its own, and was the only one.
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

// inNewNamespace gives an installation that is not there yet, in a namespace
// that is: what stands in the way is put there first.
func inNewNamespace(t *testing.T, labels map[string]string) *installation {
	t.Helper()
	i := &installation{namespace: newNamespace(t), name: defaultName, image: env.newest()}
	namespaces, accounts := env.cluster.CoreV1().Namespaces(), env.cluster.CoreV1().ServiceAccounts(i.namespace)
	_, err := namespaces.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: i.namespace, Labels: labels}}, metav1.CreateOptions{})
	must(t, err)
	// Without it every pod is refused, whatever else is in the way.
	eventually(t, "the service account", func(ctx context.Context) (bool, error) {
		_, err := accounts.Get(ctx, "default", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return err == nil, err
	})
	return i
}

// trouble runs an install that must end with exit code 3, and gives what it
// says.
func (i *installation) trouble(t *testing.T, options ...string) failure {
	t.Helper()
	return failureOf(t, dindctl(t, i.command("install", i.installOptions(append(options, "-o", "json")...)...)...).want(t, notReady))
}

// statusSays checks that status, with exit code 3, shows the cause that install
// ended with: the same reason, the same words, the same hint.
func (i *installation) statusSays(t *testing.T, f failure) {
	t.Helper()
	s := decode[status](t, dindctl(t, i.command("status", "-o", "json")...).want(t, notReady))
	for _, p := range s.Problems {
		if p.Reason == f.Reason && p.Hint == f.Hint && p.Message != "" && strings.HasSuffix(f.Message, p.Message) {
			return
		}
	}
	t.Errorf("status does not show what install said\ninstall: %+v\nstatus: %+v", f, s.Problems)
}

// stamped keeps when each line was written.
type stamped struct {
	to buffer

	mu    sync.Mutex
	lines []line
}

type line struct {
	at   time.Time
	text string
}

func (s *stamped) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for text := range bytes.Lines(p) {
		s.lines = append(s.lines, line{time.Now(), string(text)})
	}
	return s.to.Write(p)
}

// when tells when a line with the text was first written; zero if never.
func (s *stamped) when(text string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lines {
		if strings.Contains(l.text, text) {
			return l.at
		}
	}
	return time.Time{}
}

// contains checks a text.
func contains(t *testing.T, what, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("%s does not say %q: %s", what, w, text)
		}
	}
}
