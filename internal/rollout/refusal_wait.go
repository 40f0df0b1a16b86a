package rollout

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/dindctl/dindctl/internal/kube"
)

// refusalPatience is how long a refusal that may pass may stand: the controllers try again
// about ten times within it.
const refusalPatience = 20 * time.Second

// refusalClock measures how long a refusal that may pass has stood.
type refusalClock struct{ since time.Time }

// judge makes the cause final if it is such a refusal and has stood for refusalPatience.
// When a refusal begins, it returns a source that wakes the caller up then.
func (r *refusalClock) judge(cause *Cause) []source {
	switch {
	case cause == nil || !cause.Passes:
		r.since = time.Time{}
	case r.since.IsZero():
		r.since = time.Now()
		return []source{alarm(refusalPatience)}
	case time.Since(r.since) >= refusalPatience:
		cause.Final = true
	}
	return nil
}

// alarm returns a source that reports one observation without objects, after d.
func alarm(d time.Duration) source {
	return source{
		name: "alarm",
		list: func(ctx context.Context) ([]runtime.Object, string, error) { return nil, "", kube.Sleep(ctx, d) },
		open: func(context.Context, metav1.ListOptions) (watch.Interface, error) { return watch.NewFake(), nil },
	}
}
