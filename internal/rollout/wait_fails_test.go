package rollout

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/dindctl/dindctl/internal/kube"
)

func TestWaitReadyFails(t *testing.T) {
	crashing := func(v *State) {
		*v = starting()
		status := unready(v.Pods[0])
		status.RestartCount = 2
		status.State.Terminated = &corev1.ContainerStateTerminated{ExitCode: 1}
	}
	const deletedOne = "deployment/d is not ready after 3s: Somebody deleted %s during the wait."
	tests := []struct {
		name      string
		before    func(*State)
		meanwhile func(*scene)
		took      time.Duration
		cause     string // reason; "" for none
		want      string
		log       string
	}{
		{"nothing is known to be wrong", func(v *State) { *v = starting() }, nil, 30 * time.Second, "",
			"deployment/d is not ready after 30s: starting the container on node node", ""},
		{"the controller does nothing", func(v *State) { v.Deployment.Status = appsv1.DeploymentStatus{} }, nil, 30 * time.Second, "",
			"deployment/d is not ready after 30s: waiting for the deployment controller", ""},
		{"an older generation is reported", func(v *State) { *v = starting() }, after(func(s *scene) {
			older := rollingOut().Deployment
			older.Generation = 1
			s.put(older)
			s.put(rollingOut().Pods[0])
		}), 30 * time.Second, "", "deployment/d is not ready after 30s: waiting for the deployment controller", ""},
		{"the last cause", func(v *State) { *v = starting() }, after(func(s *scene) {
			failing := starting().Pods[0]
			unready(failing).State.Waiting = &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "denied"}
			s.put(failing)
		}), 30 * time.Second, "ErrImagePull", "deployment/d is not ready after 30s: The image docker:29 cannot be pulled: denied", ""},
		{"a final cause", func(v *State) { *v = starting() }, after(func(s *scene) {
			failing := starting().Pods[0]
			unready(failing).State.Waiting = &corev1.ContainerStateWaiting{Reason: "InvalidImageName"}
			s.put(failing)
		}), 3 * time.Second, "InvalidImageName", `deployment/d is not ready after 3s: "docker:29" is not an image name.`, ""},
		// No change follows it.
		{"a final cause from the start", func(v *State) {
			*v = starting()
			unready(v.Pods[0]).State.Waiting = &corev1.ContainerStateWaiting{Reason: "InvalidImageName"}
		}, nil, 0, "InvalidImageName", `deployment/d is not ready after 0s: "docker:29" is not an image name.`, ""},
		{"a crash", crashing, nil, 0, "CrashLoopBackOff",
			"deployment/d is not ready after 0s: The daemon ended with exit code 1 (3 times).", "fake logs"},
		{"the deployment is deleted", func(v *State) { *v = starting() }, after(func(s *scene) { s.remove(starting().Deployment) }),
			3 * time.Second, "Deleted", fmt.Sprintf(deletedOne, "deployment/d"), ""},
		{"the claim is deleted", func(v *State) { *v = starting() }, after(func(s *scene) { s.remove(starting().Claim) }),
			3 * time.Second, "Deleted", fmt.Sprintf(deletedOne, "persistentvolumeclaim/d-data"), ""},
		{"the deployment is deleted between two watches", func(v *State) { *v = starting() }, after(func(s *scene) {
			s.expire("deployments", func() { s.remove(starting().Deployment) })
		}), 3 * time.Second, "Deleted", fmt.Sprintf(deletedOne, "deployment/d"), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := rollingOut()
				test.before(&v)
				pod, _, took, err := waitReady(t, newScene(v), v, test.meanwhile)
				var failure *NotReadyError
				if pod != nil || !errors.As(err, &failure) {
					t.Fatalf("got pod %v, error %v", pod, err)
				}
				var reason, log string
				if failure.Cause != nil {
					reason, log = failure.Cause.Reason, failure.Cause.Log
				}
				if err.Error() != test.want || reason != test.cause || log != test.log {
					t.Errorf("got  %q (%s, log %q)\nwant %q (%s, log %q)", err, reason, log, test.want, test.cause, test.log)
				}
				if took.Round(time.Second) != test.took || failure.After != took {
					t.Errorf("took %s, says %s, want %s", took, failure.After, test.took)
				}
			})
		})
	}
}

func TestWaitReadyStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := starting()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := WaitReady(ctx, newScene(v).cluster(), Target{Deployment: v.Deployment, Claim: v.Claim}, func(Status) {})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want a cancellation", err)
		}
	})
	for refusal, unseen := range map[string]string{
		"list pods": "", "watch pods": "pods", "watch deployments": "deployment/d",
		"watch persistentvolumeclaims": "persistentvolumeclaim/d-data", "watch events": "events",
	} {
		t.Run("not allowed to "+refusal, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := starting()
				s := newScene(v)
				s.refuse[refusal] = errForbidden
				_, _, took, err := waitReady(t, s, v, nil)
				if !errors.Is(err, errForbidden) || took != 0 {
					t.Errorf("got %v after %s", err, took)
				}
				if failure, is := errors.AsType[*WatchError](err); is != (unseen != "") || is && failure.Resource != unseen {
					t.Errorf("got %#v, want that %q cannot be watched", err, unseen)
				}
			})
		})
	}
}

func TestDeletedMeanwhile(t *testing.T) {
	v := healthy()
	gone := func(source string, object runtime.Object) observation {
		return observation{source: source, object: object, deleted: true}
	}
	tests := []struct {
		name string
		o    observation
		want string // the object
	}{
		{"the Deployment", gone("deployment/d", v.Deployment), "deployment/d"},
		{"the Deployment, between two watches", observation{source: "deployment/d", complete: true}, "deployment/d"},
		{"the claim", gone("persistentvolumeclaim/d-data", v.Claim), "persistentvolumeclaim/d-data"},
		{"the claim, between two watches", observation{source: "persistentvolumeclaim/d-data", complete: true}, "persistentvolumeclaim/d-data"},
		{"the Deployment is still there", observation{source: "deployment/d", complete: true, objects: []runtime.Object{v.Deployment}}, ""},
		{"a change", observation{source: "deployment/d", object: v.Deployment}, ""},
		{"a pod", gone("pods", v.Pods[0]), ""},
		{"all pods, between two watches", observation{source: "pods", complete: true}, ""},
		{"an event", gone("events", event("new", "x", "y")), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cause := deletedMeanwhile(test.o, kube.Ref{Kind: "Deployment", Namespace: "ci", Name: "d"}, claimRef(v.Claim))
			got := ""
			if cause != nil {
				got = cause.Object.String()
				if cause.Reason != "Deleted" || !cause.Final || cause.Object.Namespace != "ci" || cause.Hint == "" {
					t.Errorf("got %+v", cause)
				}
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
