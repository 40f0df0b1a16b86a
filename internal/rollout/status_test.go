package rollout

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// healthy returns a rollout that is complete; the tests damage it.
func healthy() State {
	one := int32(1)
	return State{
		Generation: 2,
		Claim: &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Name: "d-data", Namespace: "ci", UID: "claim"},
			Status:     corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound},
		},
		Deployment: &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: "d", Namespace: "ci", Generation: 2},
			Spec:       appsv1.DeploymentSpec{Replicas: &one},
			Status:     appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 1, UpdatedReplicas: 1, AvailableReplicas: 1},
		},
		Pods: []*corev1.Pod{pod("new", 10)},
	}
}

func pod(name string, age int) *corev1.Pod {
	controller := true
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: "ci", UID: types.UID(name),
			CreationTimestamp: metav1.NewTime(time.Unix(1000-int64(age), 0)),
			Labels:            map[string]string{"pod-template-hash": "abc"},
			OwnerReferences:   []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "d-abc", Controller: &controller}},
		},
		Spec: corev1.PodSpec{NodeName: "node", Containers: []corev1.Container{{Image: "docker:29"}}},
		Status: corev1.PodStatus{
			Phase:      corev1.PodRunning,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
			ContainerStatuses: []corev1.ContainerStatus{{
				Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
			}},
		},
	}
}

// unready resets the pod to the state before its container ran.
func unready(p *corev1.Pod) *corev1.ContainerStatus {
	p.Status.Phase = corev1.PodPending
	p.Status.Conditions = nil
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{}}
	return &p.Status.ContainerStatuses[0]
}

func event(uid types.UID, reason, message string) *corev1.Event {
	return &corev1.Event{
		InvolvedObject: corev1.ObjectReference{UID: uid}, Reason: reason, Message: message,
		LastTimestamp: metav1.NewTime(time.Unix(1000, 0)),
	}
}

func TestComputeReady(t *testing.T) {
	tests := []struct {
		name   string
		damage func(*State)
		ready  bool
		now    string
	}{
		{"complete", func(*State) {}, true, "pod new is ready"},
		{"without a claim to wait for", func(v *State) { v.Claim = nil }, true, "pod new is ready"},
		{"nothing seen yet", func(v *State) { *v = State{} }, false, "waiting for the deployment controller"},
		{"an older generation seen", func(v *State) { v.Generation = 3 }, false, "waiting for the deployment controller"},
		{"generation not observed", func(v *State) { v.Deployment.Status.ObservedGeneration = 1 }, false, "waiting for the deployment controller"},
		{"not available", func(v *State) { v.Deployment.Status.AvailableReplicas = 0 }, false, "daemon starting"},
		{"an old replica exists", func(v *State) { v.Deployment.Status.Replicas = 2 }, false, "daemon starting"},
		{"scaled to zero", func(v *State) {
			zero := int32(0)
			v.Deployment.Spec.Replicas, v.Deployment.Status, v.Pods = &zero, appsv1.DeploymentStatus{ObservedGeneration: 2}, nil
		}, false, "waiting for the pod to be created"},
		{"pod not ready", func(v *State) { v.Pods[0].Status.Conditions[0].Status = corev1.ConditionFalse }, false, "daemon starting"},
		{"pod being deleted", func(v *State) { v.Pods[0].DeletionTimestamp = &metav1.Time{} }, false, "waiting for the previous pod new to stop, at 00:00 UTC at the latest"},
		{"ended, and being deleted", func(v *State) {
			v.Pods[0].DeletionTimestamp = &metav1.Time{}
			v.Pods[0].Status.ContainerStatuses[0] = corev1.ContainerStatus{
				RestartCount: 5, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}},
			}
		}, false, "waiting for the previous pod new to stop, at 00:00 UTC at the latest"},
		{"running again after the node's restart", func(v *State) {
			v.Deployment.Status.AvailableReplicas = 0
			s := &v.Pods[0].Status.ContainerStatuses[0]
			s.Ready, s.RestartCount = false, 5
			s.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 255}
		}, false, "daemon starting"},
		{"claim pending", func(v *State) {
			class := "standard"
			v.Claim.Status.Phase, v.Claim.Spec.StorageClassName = corev1.ClaimPending, &class
		}, false, "claim d-data waits for a volume"},
		{"somebody else's pod with the label", func(v *State) { v.Pods[0].OwnerReferences = nil }, false, "waiting for the pod to be created"},
		{"a failing pod of the earlier template", func(v *State) {
			unready(v.Pods[0]).State.Waiting = &corev1.ContainerStateWaiting{Reason: "InvalidImageName"}
			v.Deployment.Status.UpdatedReplicas, v.Deployment.Status.AvailableReplicas = 0, 0
		}, false, "starting the container on node node"},
		{"pulling, after a mount that failed at first", func(v *State) {
			unready(v.Pods[0]).State.Waiting = &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}
			v.Deployment.Status.AvailableReplicas = 0
			v.Events = []*corev1.Event{event("new", "FailedMount", "x"), event("new", "FailedCreatePodSandBox", "x"), event("new", "Pulling", "")}
		}, false, "pulling docker:29"},
		{"pulling", func(v *State) {
			unready(v.Pods[0])
			v.Deployment.Status.AvailableReplicas = 0
			v.Events = []*corev1.Event{event("new", "Pulling", "")}
		}, false, "pulling docker:29"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := healthy()
			test.damage(&v)
			got := Compute(v)
			if got.Ready != test.ready || got.Now != test.now {
				t.Errorf("ready %v, now %q; want %v, %q", got.Ready, got.Now, test.ready, test.now)
			}
			if got.Cause != nil {
				t.Errorf("unexpected cause: %+v", got.Cause)
			}
		})
	}
}

// An object that the pod lacked before the wait may exist now.
func TestEarlierTrouble(t *testing.T) {
	v := healthy()
	v.Deployment.Status.AvailableReplicas = 0
	unready(v.Pods[0]).State.Waiting = &corev1.ContainerStateWaiting{Reason: "CreateContainerConfigError", Message: `secret "s" not found`}
	if cause := Compute(v).Cause; cause == nil || !cause.Final {
		t.Errorf("a new pod: %+v", cause)
	}
	v.EarlierTrouble = v.Pods[0].UID
	if cause := Compute(v).Cause; cause == nil || cause.Final {
		t.Errorf("a pod that lacked it before: %+v", cause)
	}
}

func TestCurrentPod(t *testing.T) {
	leaving, failed := pod("leaving", 1), pod("failed", 2)
	leaving.DeletionTimestamp = &metav1.Time{}
	failed.Status.Phase = corev1.PodFailed
	older, newer := pod("older", 9), pod("newer", 5)
	v := State{Pods: []*corev1.Pod{leaving, failed, older, newer}}
	for _, want := range []*corev1.Pod{newer, older, failed, leaving} {
		if got := v.CurrentPod(); got != want {
			t.Fatalf("current pod is %s, want %s", got.Name, want.Name)
		}
		for i, p := range v.Pods {
			if p == want {
				v.Pods = append(v.Pods[:i:i], v.Pods[i+1:]...)
				break
			}
		}
	}
	if got := v.CurrentPod(); got != nil {
		t.Errorf("without pods, the current pod is %s", got.Name)
	}
}

// The progress of the pod itself, regardless of the Deployment's status.
func TestRunningAndAnswering(t *testing.T) {
	for _, test := range []struct {
		name               string
		damage             func(*State)
		running, answering bool
	}{
		{"ready, but not counted yet", func(v *State) { v.Deployment.Status.AvailableReplicas = 0 }, true, true},
		{"not ready", func(v *State) { v.Pods[0].Status.Conditions = nil }, true, false},
		{"no container runs", func(v *State) { unready(v.Pods[0]) }, false, false},
		{"being deleted", func(v *State) { v.Pods[0].DeletionTimestamp = &metav1.Time{} }, false, false},
		{"of an older template", func(v *State) { v.Deployment.Status.ObservedGeneration = 1 }, false, false},
		{"of the earlier template, before Recreate ends it", func(v *State) { v.Deployment.Status.UpdatedReplicas = 0 }, false, false},
		{"none", func(v *State) { v.Pods = nil }, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := healthy()
			test.damage(&v)
			if got := Compute(v); got.Running != test.running || got.Answering != test.answering {
				t.Errorf("running: %v, answering: %v", got.Running, got.Answering)
			}
		})
	}
}
