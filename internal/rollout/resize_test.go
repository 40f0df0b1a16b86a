package rollout

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

// growing returns a claim of 100Gi that requests 10Ti.
func growing() *corev1.PersistentVolumeClaim {
	claim := healthy().Claim
	claim.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("100Gi")}
	claim.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("10Ti")}
	asked := metav1.NewTime(time.Unix(1000, 0))
	claim.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: kube.FieldManager, Time: &asked}, {Manager: "kube-controller-manager"}}
	return claim
}

func condition(kind corev1.PersistentVolumeClaimConditionType, message string) corev1.PersistentVolumeClaimCondition {
	return corev1.PersistentVolumeClaimCondition{Type: kind, Status: corev1.ConditionTrue, Message: message, LastTransitionTime: metav1.NewTime(time.Unix(1000, 0))}
}

// resizeEvent returns an event of the resizer at that second.
func resizeEvent(second int64) *corev1.Event {
	e := event("claim", "VolumeResizeFailed", "maximum modification rate per volume limit is reached")
	e.LastTimestamp = metav1.NewTime(time.Unix(second, 0))
	return e
}

func TestResize(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*corev1.PersistentVolumeClaim)
		events []*corev1.Event
		after  int64 // seconds
		reason string
		says   string // in the message or hint
	}{
		{"nothing is known", func(*corev1.PersistentVolumeClaim) {}, nil, 0, "ResizePending", "has not grown yet: 100Gi of 10Ti"},
		{"in progress", func(c *corev1.PersistentVolumeClaim) {
			c.Status.Conditions = []corev1.PersistentVolumeClaimCondition{condition("Resizing", "")}
		}, nil, 0, "ResizePending", "Resizing"},
		{"the file system, just now", func(c *corev1.PersistentVolumeClaim) {
			c.Status.Conditions = []corev1.PersistentVolumeClaimCondition{condition("FileSystemResizePending", "Waiting for user to (re-)start a pod")}
		}, nil, 29, "ResizePending", "kubectl describe pvc d-data"},
		{"the file system, for long", func(c *corev1.PersistentVolumeClaim) {
			c.Status.Conditions = []corev1.PersistentVolumeClaimCondition{condition("FileSystemResizePending", "Waiting for user to (re-)start a pod")}
		}, nil, 31, "ResizePending", "kubectl rollout restart deployment/d -n ci"},
		{"a failure", func(*corev1.PersistentVolumeClaim) {}, []*corev1.Event{resizeEvent(1000)}, 0, "ResizeFailed", "cannot grow to 10Ti: maximum modification rate"},
		{"a failure of an earlier request", func(*corev1.PersistentVolumeClaim) {}, []*corev1.Event{resizeEvent(999)}, 0, "ResizePending", "has not grown yet"},
		{"a failure on the controller's side", func(c *corev1.PersistentVolumeClaim) {
			c.Status.Conditions = []corev1.PersistentVolumeClaimCondition{condition("ControllerResizeError", "no quota")}
		}, nil, 0, "ResizeFailed", "ControllerResizeError: no quota"},
		{"infeasible", func(c *corev1.PersistentVolumeClaim) {
			c.Status.AllocatedResourceStatuses = map[corev1.ResourceName]corev1.ClaimResourceStatus{corev1.ResourceStorage: corev1.PersistentVolumeClaimNodeResizeInfeasible}
		}, nil, 0, "ResizeFailed", "--storage-size 101Gi"},
	} {
		t.Run(test.name, func(t *testing.T) {
			claim := growing()
			test.change(claim)
			got := Resize(claim, "d", test.events, time.Unix(1000+test.after, 0))
			if got.Reason != test.reason || got.Final != (test.reason == "ResizeFailed") || !strings.Contains(got.Message+" "+got.Hint, test.says) {
				t.Errorf("got %+v, want %s with %q", got, test.reason, test.says)
			}
		})
	}
}

func TestWaitGrown(t *testing.T) {
	for _, test := range []struct {
		name string
		then func(*scene)
		want string // the reason; "" if it grows
	}{
		{"grows", func(s *scene) {
			claim := growing()
			claim.Status.Capacity = claim.Spec.Resources.Requests
			s.put(claim)
		}, ""},
		{"fails", func(s *scene) { e := resizeEvent(1000); e.Name, e.UID = "e", "e"; s.put(e) }, "ResizeFailed"},
		{"takes too long", func(*scene) {}, "ResizePending"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(State{Claim: growing()})
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				began := time.Now()
				time.AfterFunc(5*time.Second, func() { test.then(s) })
				claim := growing()
				claim.ResourceVersion = "1"
				err := WaitGrown(ctx, s.cluster(), claim, "d", func(string) {})
				var failed *NotReadyError
				switch {
				case test.want == "":
					if err != nil {
						t.Errorf("got %v", err)
					}
				case !errors.As(err, &failed) || failed.Cause.Reason != test.want:
					t.Errorf("got %v", err)
				}
				if early := time.Since(began) < 30*time.Second; early != (test.want != "ResizePending") {
					t.Errorf("ended after %v", time.Since(began))
				}
			})
		})
	}
}
