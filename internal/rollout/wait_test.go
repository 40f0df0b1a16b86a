package rollout

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// rollingOut returns the healthy rollout as WaitReady needs it.
func rollingOut() State {
	v := healthy()
	v.Deployment.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "d"}}
	return v
}

// starting returns a rollout whose pod has not started yet.
func starting() State {
	v := rollingOut()
	unready(v.Pods[0])
	v.Deployment.Status.AvailableReplicas = 0
	return v
}

// waitReady waits for at most half a minute while the test changes the scene.
func waitReady(t *testing.T, s *scene, v State, meanwhile func(*scene)) (pod *corev1.Pod, reported []Status, took time.Duration, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	began := time.Now()
	if meanwhile != nil {
		go meanwhile(s)
	}
	rollout := Target{Deployment: v.Deployment, Claim: v.Claim, EarlierRefusal: v.EarlierRefusal}
	pod, err = WaitReady(ctx, s.cluster(), rollout, func(s Status) { reported = append(reported, s) })
	return pod, reported, time.Since(began), err
}

// said returns the words and causes of the statuses.
func said(reported []Status) (words []string) {
	for _, status := range reported {
		words = append(words, status.Now)
		if status.Cause != nil {
			words = append(words, status.Cause.Message)
		}
	}
	return words
}

// after changes the scene after three seconds.
func after(do func(*scene)) func(*scene) {
	return func(s *scene) {
		time.Sleep(3 * time.Second)
		do(s)
	}
}

func starts(s *scene) {
	s.put(rollingOut().Deployment)
	s.put(rollingOut().Pods[0])
}

func TestWaitReadyAtOnce(t *testing.T) {
	for name, damage := range map[string]func(*State){
		"with a claim": func(*State) {}, "without one": func(v *State) { v.Claim = nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := rollingOut()
				damage(&v)
				s := newScene(v)
				pod, reported, took, err := waitReady(t, s, v, nil)
				if err != nil || pod == nil || pod.Name != "new" || took != 0 {
					t.Fatalf("got pod %v after %s: %v", pod, took, err)
				}
				if last := reported[len(reported)-1]; !last.Ready || last.Now != "pod new is ready" {
					t.Errorf("reported %+v last", last)
				}
				if requests := s.client.Actions(); len(requests) != 1 || !slices.Equal(s.asked("pods"), []string{"list app=d"}) {
					t.Errorf("more requests than one list of pods: %v", requests)
				}
			})
		})
	}
}

func TestWaitReadyInTime(t *testing.T) {
	const soon = 3 * time.Second
	tests := []struct {
		name      string
		before    func(*State)
		meanwhile func(*scene)
		took      time.Duration
		reported  string // the words or the cause of a status that is reported
	}{
		{"the pod starts", func(v *State) { *v = starting() }, after(starts), soon, "starting the container on node node"},
		{"the claim is bound last", func(v *State) {
			v.Claim.Status.Phase, v.Claim.Spec.StorageClassName = corev1.ClaimPending, new("x")
		}, after(func(s *scene) { s.put(rollingOut().Claim) }), soon, "claim d-data waits for a volume"},
		{"generation not observed", func(v *State) { v.Deployment.Status.ObservedGeneration = 1 },
			after(func(s *scene) { s.put(rollingOut().Deployment) }), soon, "waiting for the deployment controller"},
		{"a cause that goes away", func(v *State) {
			*v = starting()
			unready(v.Pods[0]).State.Waiting = &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "no route to host"}
		}, after(starts), soon, "The image docker:29 cannot be pulled: no route to host"},
		{"a cause from an event", func(v *State) {
			*v = starting()
			v.Events = []*corev1.Event{event("new", "FailedMount", "path does not exist"), event("other", "FailedMount", "not ours")}
		}, after(starts), soon, "Node node cannot mount the volume: path does not exist"},
		{"refused before, admitted now", func(v *State) {
			*v = starting()
			v.Pods = nil
			v.EarlierRefusal = new(metav1.Unix(1000, 0))
			v.Deployment.Status.Conditions = []appsv1.DeploymentCondition{{
				Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Message: "exceeded quota", LastUpdateTime: metav1.Unix(1000, 0),
			}}
		}, after(starts), soon, "The cluster refuses the pod: exceeded quota"},
		// The newest pod is deleted, and another starts, between two watches.
		{"a pod is deleted between two watches", func(v *State) {
			*v = starting()
			stale := pod("stale", 0)
			unready(stale)
			v.Pods = []*corev1.Pod{stale}
		}, after(func(s *scene) {
			s.put(rollingOut().Deployment)
			s.expire("pods", func() {
				s.remove(pod("stale", 0))
				s.put(pod("new", 10))
			})
		}), soon + 110*time.Millisecond, "starting the container on node node"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := rollingOut()
				test.before(&v)
				pod, reported, took, err := waitReady(t, newScene(v), v, test.meanwhile)
				if err != nil || pod == nil || pod.Name != "new" {
					t.Fatalf("got pod %v: %v", pod, err)
				}
				if took < test.took-10*time.Millisecond || took > test.took+10*time.Millisecond {
					t.Errorf("took %s, want %s", took, test.took)
				}
				if !slices.Contains(said(reported), test.reported) {
					t.Errorf("reported %q, want %q among it", said(reported), test.reported)
				}
			})
		})
	}
}

// The events of each object that is not ready are followed, once.
func TestWaitReadyFollowsEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := starting()
		v.Claim.Status.Phase, v.Claim.Spec.StorageClassName = corev1.ClaimPending, new("x")
		s := newScene(v)
		waitReady(t, s, v, func(s *scene) {
			for range 3 {
				time.Sleep(time.Second)
				s.put(v.Pods[0].DeepCopy())
				s.put(v.Claim.DeepCopy())
			}
		})
		got := slices.Compact(slices.Sorted(slices.Values(s.asked("events"))))
		if want := []string{"watch involvedObject.uid=claim", "watch involvedObject.uid=new"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if n := len(s.asked("events")); n != 2 {
			t.Errorf("%d watches", n)
		}
	})
}
