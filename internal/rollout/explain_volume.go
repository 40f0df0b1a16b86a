package rollout

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// claimPending: a claim that gets no volume.
func claimPending(v State, _ *corev1.Pod) *Cause {
	claim := v.Claim
	if claim == nil || claim.Status.Phase != corev1.ClaimPending {
		return nil
	}
	cause := &Cause{Object: claimRef(claim)}
	if event := v.lastEvent(claim.UID, "ProvisioningFailed", "FailedBinding"); event != nil {
		cause.Reason, cause.Message = event.Reason, "No volume could be provisioned for the claim: "+oneLine(event.Message)
		cause.Hint = "The storage provisioner retries; `kubectl get storageclass` lists the classes, and --storage-class sets one."
	} else {
		provisionerSilent(v, cause)
	}
	switch class := claim.Spec.StorageClassName; {
	case class == nil:
		cause.Reason = "NoDefaultStorageClass"
		cause.Message = "The claim names no storage class, and the cluster has no default one."
		cause.Hint = "Set a class with --storage-class (`kubectl get storageclass` lists them), or use --local-path and --local-node."
	case cause.Reason != "" && strings.Contains(cause.Message, fmt.Sprintf("%q not found", *class)):
		cause.Reason = "StorageClassMissing"
		cause.Message = fmt.Sprintf("The storage class %q does not exist.", *class)
		cause.Hint = "`kubectl get storageclass` lists the classes. A claim's class cannot be changed: `dindctl uninstall --delete-data` removes the unbound claim, then install with another --storage-class."
	case cause.Reason == "":
		return nil
	}
	return cause
}

// provisionerPatience is how long a provisioner may take before it is named.
const provisionerPatience = time.Minute

// provisionerName matches the provisioner that the volume controller waits for.
var provisionerName = regexp.MustCompile(`provisioner ['"]([^'"]+)['"]`)

// provisionerSilent: the controller repeats that it waits for a provisioner outside of it.
// If nothing else is said, the driver does not run, or may not work.
func provisionerSilent(v State, cause *Cause) {
	event := v.lastEvent(v.Claim.UID, "ExternalProvisioning")
	if event == nil || event.FirstTimestamp.IsZero() || eventTime(event).Sub(event.FirstTimestamp.Time) < provisionerPatience {
		return
	}
	name := "that the storage class names"
	if match := provisionerName.FindStringSubmatch(event.Message); match != nil {
		name = match[1]
	}
	cause.Reason = event.Reason
	cause.Message = fmt.Sprintf("The storage provisioner %s has created no volume for the claim for over a minute, and reports no error.", name)
	cause.Hint = fmt.Sprintf("Is it installed, and does it run? `kubectl get csidriver %s` and the log of its controller show it; on a cloud it also needs permission to create disks.", name)
}

// volumeAdvice is one row of the table of why a volume cannot be attached or mounted.
type volumeAdvice struct {
	words []string // one of them is in the message
	event string   // the event's reason; "" for any
	hint  string   // NODE stands for the name of the node
}

func volumeAdvices() []volumeAdvice {
	return []volumeAdvice{
		{[]string{"Multi-Attach error"}, "", "The volume is still attached to another node, which releases it when the pod there is gone. If that node is lost for good, " +
			"`kubectl taint node OTHER node.kubernetes.io/out-of-service=nodeshutdown:NoExecute` releases it; first make sure that it is off, because two daemons destroy the cache."},
		{[]string{"list of registered CSI drivers", "does not contain driver"}, "",
			"The volume's driver does not run on node NODE: `kubectl get csinode NODE -o yaml` lists those that do. Its DaemonSet may not tolerate the node's taints."},
		{[]string{"AttachmentLimitExceeded", "attachment limit", "volume limit", "too many volumes"}, "",
			"Node NODE has as many volumes as it can attach: delete the pod when another node is free, or set --node-selector."},
		{[]string{"InvalidVolume.NotFound", "code = NotFound", "could not be found"}, "FailedAttachVolume",
			"The disk of the volume no longer exists, and neither does the cache: `dindctl uninstall --delete-data` removes the claim, and the next install creates a new one."},
		// Of a local volume; a driver has other words around it.
		{[]string{"NewMounter initialization failed"}, "", "Create the directory of --local-path on node NODE; the pod then starts."},
	}
}

// volumeNotMounted: only events show that a volume cannot be attached or mounted;
// the pod itself stays in ContainerCreating.
func volumeNotMounted(v State, pod *corev1.Pod) *Cause {
	if pod == nil || pod.Spec.NodeName == "" || started(pod) {
		return nil
	}
	event := v.newestEvent(pod.UID, func(event *corev1.Event) bool {
		return slices.Contains([]string{"FailedMount", "FailedAttachVolume", "FailedMapVolume"}, event.Reason) && !strings.Contains(event.Message, nodeIsNew)
	})
	if event == nil || v.cameFurther(pod, event) {
		return nil
	}
	cause := &Cause{
		Reason: event.Reason, Object: podRef(pod),
		Message: fmt.Sprintf("Node %s cannot mount the volume: %s", pod.Spec.NodeName, oneLine(event.Message)),
		Hint:    "`kubectl describe pod " + pod.Name + " -n " + pod.Namespace + "` shows the details.",
	}
	if missingMount.MatchString(event.Message) {
		cause.Message = fmt.Sprintf("The pod waits for an object that does not exist: %s", oneLine(event.Message))
		cause.Hint = "`dindctl install`, with the options of this installation, creates it."
		return cause
	}
	for _, row := range volumeAdvices() {
		if containsAny(event.Message, row.words) && strings.HasPrefix(event.Reason, row.event) {
			cause.Hint = strings.ReplaceAll(row.hint, "NODE", pod.Spec.NodeName)
			break
		}
	}
	return cause
}

// nodeIsNew is what the API server says to the kubelet in the first moment after it has
// assigned the pod to the node. The kubelet tries again.
const nodeIsNew = "no relationship found between node"

// missingMount matches the kubelet's message about a missing object that the pod
// mounts. Install creates such objects before the Deployment.
var missingMount = regexp.MustCompile(`(configmap|secret) "[^"]+" not found`)

// cameFurther reports whether the pod is past the problem of an event: the kubelet
// pulls the image only after it has mounted the volumes and created the sandbox.
func (v State) cameFurther(pod *corev1.Pod, trouble *corev1.Event) bool {
	for _, c := range containers(pod) {
		if state := c.State.Waiting; state != nil && state.Reason != "" && state.Reason != "ContainerCreating" && state.Reason != "PodInitializing" {
			return true
		}
	}
	later := v.lastEvent(pod.UID, "Pulling", "Pulled", "Failed", "BackOff", "Created")
	return later != nil && !eventTime(later).Before(eventTime(trouble))
}
