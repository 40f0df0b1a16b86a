package rollout

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

func TestCauses(t *testing.T) {
	class := "nosuch"
	waitingFor := func(reason, message string) func(*State) {
		return func(v *State) {
			unready(v.Pods[0]).State.Waiting = &corev1.ContainerStateWaiting{Reason: reason, Message: message}
		}
	}
	refused := func(message string) func(*State) {
		return func(v *State) {
			v.Pods = nil
			v.Deployment.Status.Conditions = []appsv1.DeploymentCondition{{
				Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: message,
			}}
		}
	}
	crashes := func(n int32, reason string) func(*State) {
		return func(v *State) {
			s := unready(v.Pods[0])
			s.RestartCount = n - 1
			s.State.Waiting = &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}
			s.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 1, Reason: reason, StartedAt: metav1.NewTime(time.Unix(0, 0)), FinishedAt: metav1.NewTime(time.Unix(2, 0))}
		}
	}
	unscheduled := func(reason, message string) func(*State) {
		return func(v *State) {
			unready(v.Pods[0])
			v.Pods[0].Spec.NodeName = ""
			v.Pods[0].Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: reason, Message: message}}
		}
	}
	tests := []struct {
		name    string
		damage  func(*State)
		reason  string
		message string // a part of it
		final   bool
	}{
		{"claim lost", func(v *State) { v.Claim.Status.Phase = corev1.ClaimLost }, "ClaimLost", "lost its volume", true},
		{"pod security", refused(`pods "d-x" is forbidden: violates PodSecurity "baseline:latest": privileged`), "PodSecurity", "violates PodSecurity", true},
		{"quota", refused(`pods "d-x" is forbidden: exceeded quota: q, requested: pods=1`), "QuotaExceeded", "exceeded quota", false},
		{"limit range", refused(`pods "d-x" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi`), "LimitRange", "per Container", true},
		{"some webhook", refused(`admission webhook "x" denied the request`), "AdmissionDenied", "denied the request", true},
		{"no default class", func(v *State) { v.Claim.Status.Phase = corev1.ClaimPending }, "NoDefaultStorageClass", "no default", false},
		{"unknown class", func(v *State) {
			v.Claim.Status.Phase, v.Claim.Spec.StorageClassName = corev1.ClaimPending, &class
			v.Events = []*corev1.Event{event("claim", "ProvisioningFailed", `storageclass.storage.k8s.io "nosuch" not found`)}
		}, "StorageClassMissing", `"nosuch" does not exist`, false},
		{"provisioning", func(v *State) {
			v.Claim.Status.Phase, v.Claim.Spec.StorageClassName = corev1.ClaimPending, &class
			v.Events = []*corev1.Event{event("claim", "ProvisioningFailed", "backend out of space")}
		}, "ProvisioningFailed", "backend out of space", false},
		{"provisioning, slowly", func(v *State) {
			v.Claim.Status.Phase, v.Claim.Spec.StorageClassName = corev1.ClaimPending, &class
			silent := event("claim", "ExternalProvisioning", "Waiting for a volume to be created either by the external provisioner 'ebs.csi.aws.com' or manually by the system administrator.")
			silent.FirstTimestamp = metav1.NewTime(time.Unix(940, 0))
			v.Events = []*corev1.Event{silent}
		}, "ExternalProvisioning", "provisioner ebs.csi.aws.com has created no volume", false},
		{"the volume is in another zone", unscheduled("Unschedulable", "0/3 nodes are available: 3 node(s) had volume node affinity conflict."), "VolumeElsewhere", "volume node affinity conflict", false},
		{"the volume is on a lost node", unscheduled("Unschedulable", "0/3 nodes are available: 3 node(s) didn't match PersistentVolume's node affinity."), "VolumeElsewhere", "node affinity", false},
		{"too many volumes", unscheduled("Unschedulable", "0/3 nodes are available: 3 node(s) exceed max volume count."), "VolumeLimit", "max volume count", false},
		{"no node of the daemon's architecture", unscheduled("Unschedulable", "0/3 nodes are available: 3 node(s) didn't match pod affinity rules."), "Unschedulable", "pod affinity rules", false},
		{"scheduling gate", func(v *State) {
			unscheduled("SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates")(v)
			v.Pods[0].Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "kueue.x-k8s.io/admission"}}
		}, "SchedulingGated", "kueue.x-k8s.io/admission", false},
		{"Fargate", func(v *State) {
			unready(v.Pods[0])
			v.Pods[0].Spec.NodeName = ""
			v.Events = []*corev1.Event{event("new", "FailedScheduling", "Pod not supported on Fargate: invalid SecurityContext fields: Privileged")}
		}, "Fargate", "not supported on Fargate", true},
		{"an init container of others crashes", func(v *State) {
			unready(v.Pods[0]).State.Waiting = &corev1.ContainerStateWaiting{Reason: "PodInitializing"}
			v.Pods[0].Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "istio-init", RestartCount: 2, State: corev1.ContainerState{
				Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"},
			}, LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1}}}}
		}, "OtherContainer", "The init container istio-init, which dindctl did not add, ended with exit code 1 (3 times).", false},
		{"an image of others cannot be pulled", func(v *State) {
			unready(v.Pods[0]).State.Waiting = &corev1.ContainerStateWaiting{Reason: "PodInitializing"}
			v.Pods[0].Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "vault-agent-init", State: corev1.ContainerState{
				Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "not found"},
			}}}
		}, "OtherContainer", "vault-agent-init, which dindctl did not add, does not start (ImagePullBackOff): not found", false},
		{"the image of the container for metrics cannot be pulled", func(v *State) {
			own := unready(v.Pods[0])
			own.Image, own.State.Waiting = "docker:29", &corev1.ContainerStateWaiting{Reason: "PodInitializing"}
			v.Pods[0].Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "metrics", Image: "docker:29", State: corev1.ContainerState{
				Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "not found"},
			}}}
		}, "ErrImagePull", "docker:29 cannot be pulled: not found", false},
		{"a proxy is not ready", func(v *State) {
			v.Pods[0].Status.Conditions = nil
			v.Pods[0].Status.ContainerStatuses = append(v.Pods[0].Status.ContainerStatuses, corev1.ContainerStatus{
				Name: "linkerd-proxy", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
			})
		}, "OtherContainer", "linkerd-proxy, which dindctl did not add, is not ready", false},
		{"unschedulable", func(v *State) {
			unready(v.Pods[0])
			v.Pods[0].Spec.NodeName = ""
			v.Pods[0].Status.Conditions = []corev1.PodCondition{{
				Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/1 nodes are available",
			}}
		}, "Unschedulable", "0/1 nodes are available", false},
		{"evicted", func(v *State) {
			v.Pods[0].Status = corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "low on memory"}
		}, "Evicted", "low on memory", false},
		{"node lost", func(v *State) {
			v.Pods[0].Status.Conditions = []corev1.PodCondition{
				{Type: corev1.ContainersReady, Status: corev1.ConditionTrue}, {Type: corev1.PodReady, Status: corev1.ConditionFalse},
			}
		}, "NodeLost", "is not ready", false},
		{"node lost for long", func(v *State) {
			v.Pods[0].DeletionTimestamp = &metav1.Time{}
			v.Pods[0].Status.Conditions = []corev1.PodCondition{
				{Type: corev1.ContainersReady, Status: corev1.ConditionTrue}, {Type: corev1.PodReady, Status: corev1.ConditionFalse},
			}
		}, "NodeLost", "is not ready", false},
		{"mount", func(v *State) {
			unready(v.Pods[0])
			v.Events = []*corev1.Event{event("new", "FailedMount", `path "/x" does not exist`)}
		}, "FailedMount", `path "/x" does not exist`, false},
		{"a mount in the first moment on the node", func(v *State) {
			unready(v.Pods[0])
			v.Events = []*corev1.Event{
				event("new", "FailedMount", "failed to fetch PVC from API server: no relationship found between node 'n' and this object"),
				event("new", "FailedMount", `path "/x" does not exist`),
			}
		}, "FailedMount", `path "/x" does not exist`, false},
		{"configuration removed", func(v *State) {
			unready(v.Pods[0])
			v.Events = []*corev1.Event{event("new", "FailedMount", `MountVolume.SetUp failed for volume "c" : configmap "d-config" not found`)}
		}, "FailedMount", `waits for an object that does not exist: MountVolume.SetUp failed for volume "c" : configmap "d-config" not found`, false},
		{"a mount that failed before the image was pulled", func(v *State) {
			unready(v.Pods[0]).State.Waiting = &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "not found"}
			v.Events = []*corev1.Event{event("new", "FailedMount", "the claim is not there yet"), event("new", "Pulling", "")}
		}, "ErrImagePull", "cannot be pulled: not found", false},
		{"an earlier pod's mount event", func(v *State) {
			unready(v.Pods[0]).State.Waiting = &corev1.ContainerStateWaiting{Reason: "InvalidImageName"}
			v.Events = []*corev1.Event{event("older", "FailedMount", "x")}
		}, "InvalidImageName", "not an image name", true},
		{"attach", func(v *State) {
			unready(v.Pods[0])
			v.Events = []*corev1.Event{event("new", "FailedAttachVolume", "Multi-Attach error")}
		}, "FailedAttachVolume", "Multi-Attach", false},
		{"image missing", waitingFor("ErrImagePull", "not found"), "ErrImagePull", "docker:29 cannot be pulled: not found", false},
		{"image back-off with the registry's answer", func(v *State) {
			waitingFor("ImagePullBackOff", "Back-off pulling image")(v)
			v.Events = []*corev1.Event{event("new", "Failed", "Error: ImagePullBackOff"), event("new", "Failed", "Failed to pull image: 404")}
		}, "ImagePullBackOff", "Failed to pull image: 404", false},
		{"a short name", waitingFor("ImageInspectError", "short name mode is enforcing"), "ImageInspectError", "cannot use the image docker:29: short name mode", false},
		{"image never pulled", waitingFor("ErrImageNeverPull", ""), "ErrImageNeverPull", "not allowed", true},
		{"configuration", waitingFor("CreateContainerConfigError", `secret "s" not found`), "CreateContainerConfigError", `secret "s" not found`, true},
		{"creation", waitingFor("CreateContainerError", "boom"), "CreateContainerError", "boom", false},
		{"one crash", crashes(1, "Error"), "CrashLoopBackOff", "exit code 1 (once)", false},
		{"three crashes", crashes(3, "Error"), "CrashLoopBackOff", "exit code 1 (3 times)", true},
		{"three crashes after long runs", func(v *State) {
			crashes(3, "Error")(v)
			v.Pods[0].Status.ContainerStatuses[0].LastTerminationState.Terminated.FinishedAt = metav1.NewTime(time.Unix(7200, 0))
		}, "CrashLoopBackOff", "exit code 1 (3 times)", false},
		{"out of memory", crashes(1, "OOMKilled"), "OOMKilled", "memory limit", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := healthy()
			v.Deployment.Status.AvailableReplicas = 0
			test.damage(&v)
			status := Compute(v)
			if status.Ready {
				t.Fatal("ready")
			}
			cause := status.Cause
			if cause == nil {
				t.Fatal("no cause")
			}
			if cause.Reason != test.reason || cause.Final != test.final || !strings.Contains(cause.Message, test.message) {
				t.Errorf("cause %q (final %v): %s\nwant %q (final %v): …%s…", cause.Reason, cause.Final, cause.Message, test.reason, test.final, test.message)
			}
			if cause.Hint == "" || cause.Object == (kube.Ref{}) {
				t.Errorf("no hint or no object: %+v", cause)
			}
		})
	}
}
