package lifecycle

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The guard's notes come after the answer of stat; what a full disk cut off is
// left out.
func TestNotesOfTheGuard(t *testing.T) {
	found, err := parseFileSystem("4096 10 5 0 0\nU|1795000000|5\nU|1795086400|\nU|17950\nR|1795086400|3|1000\nR|\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []sample{{time.Unix(1795000000, 0).UTC(), 5}}
	if diff := cmp.Diff(want, found.samples, cmp.AllowUnexported(sample{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(&Relief{time.Unix(1795086400, 0).UTC(), 3, 1000}, found.relief); diff != "" {
		t.Error(diff)
	}
}

func TestFullInDays(t *testing.T) {
	const gib = 1 << 30
	ago := func(days int, bytes int64) string {
		return fmt.Sprintf("U|%d|%d\n", noon.Add(-time.Duration(days)*day).Unix(), bytes)
	}
	for _, test := range []struct {
		name  string
		notes string
		want  string
	}{
		{"nothing is known", "", "unknown"},
		{"since yesterday only", ago(1, 0), "unknown"},
		{"since two days", ago(2, 70*gib), "4.0"},
		{"this week's rate, and not last month's", ago(30, 0) + ago(9, 0) + ago(7, 10*gib) + ago(1, 79*gib), "2.0"},
		{"an old sample and a young one", ago(30, 0) + ago(1, 79*gib), "unknown"},
		{"it shrinks", ago(7, 90*gib), "unknown"},
		{"as it was", ago(7, 80*gib), "unknown"},
		{"in years", ago(7, 80*gib-1000), "unknown"},
	} {
		t.Run(test.name, func(t *testing.T) {
			// 100 GiB, of which 80 are used.
			found, err := parseFileSystem(strings.TrimSpace("1073741824 100 20 0 0\n" + test.notes))
			if err != nil {
				t.Fatal(err)
			}
			got := "unknown"
			if days := newDisk(found, nil, noon).FullInDays; days != nil {
				got = fmt.Sprintf("%.1f", *days)
			}
			if got != test.want {
				t.Errorf("full in %s days, want %s", got, test.want)
			}
		})
	}
}

func TestFailureOfAPrune(t *testing.T) {
	ended := &batchv1.JobCondition{Message: "Job has reached the specified backoff limit", LastTransitionTime: metav1.Time{}}
	for said, want := range map[string]string{
		`{"error":"disk on fire"}`:   "disk on fire (Job has reached the specified backoff limit)",
		`{"reclaimed":["1GB"]}`:      ended.Message,
		"a log that ended somewhere": ended.Message,
		"":                           ended.Message,
	} {
		if got := failureOf(ended, said); got != want {
			t.Errorf("of %q: %q, want %q", said, got, want)
		}
	}
}
