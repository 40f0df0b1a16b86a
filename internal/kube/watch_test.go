package kube

import (
	"context"
	"errors"
	"net/http"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
)

func TestFollowStopsTheWatch(t *testing.T) {
	w := watch.NewRaceFreeFake()
	w.Add(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "a", ResourceVersion: "6"}})
	open := func(_ context.Context, options metav1.ListOptions) (watch.Interface, error) { return w, nil }
	version, err := Follow(t.Context(), open, metav1.ListOptions{ResourceVersion: "5"}, func(runtime.Object, bool) bool { return false })
	if err != nil || version != "6" || !w.IsStopped() {
		t.Errorf("got version %s, %v; stopped: %v", version, err, w.IsStopped())
	}
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
			if got := Permanent(test.err); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
