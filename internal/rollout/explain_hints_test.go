package rollout

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// The hint fits what the node says of the volume.
func TestVolumeHints(t *testing.T) {
	for _, test := range []struct{ name, reason, message, hint string }{
		{"attached elsewhere", "FailedAttachVolume", `Multi-Attach error for volume "pvc-1" Volume is already exclusively attached to one node and can't be attached to another`, "out-of-service=nodeshutdown"},
		{"no driver on the node", "FailedMount", "MountVolume.MountDevice failed: driver name ebs.csi.aws.com not found in the list of registered CSI drivers", "kubectl get csinode node -o yaml"},
		{"no driver for attaching", "FailedAttachVolume", "AttachVolume.Attach failed: CSINode node does not contain driver ebs.csi.aws.com", "kubectl get csinode node -o yaml"},
		{"too many volumes", "FailedAttachVolume", "rpc error: code = ResourceExhausted desc = AttachmentLimitExceeded", "as many volumes as it can attach"},
		{"the disk is gone", "FailedAttachVolume", "rpc error: code = NotFound desc = Volume vol-1 not found", "no longer exists"},
		{"a local directory", "FailedMount", `MountVolume.NewMounter initialization failed for volume "ci-d-data" : path "/mnt/docker" does not exist`, "Create the directory of --local-path on node node"},
		{"a driver's own directory", "FailedMount", `MountVolume.SetUp failed for volume "pvc-1" : rpc error: stat /var/lib/x: no such file or directory`, "kubectl describe pod new -n ci"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := starting()
			v.Events = []*corev1.Event{event("new", test.reason, test.message)}
			cause := Compute(v).Cause
			if cause == nil || cause.Reason != test.reason || !strings.Contains(cause.Hint, test.hint) {
				t.Errorf("got %+v, want a hint …%s…", cause, test.hint)
			}
		})
	}
}

// The last lines of a crashed daemon say more than that it crashed.
func TestExplainLog(t *testing.T) {
	for _, test := range []struct{ log, reason, hint string }{
		{"failed to start daemon: mkdir /var/lib/docker/tmp: no space left on device", "DiskFull", "--storage-size"},
		{"failed to create NAT chain DOCKER: iptables failed: iptables -t nat -N DOCKER: Table does not exist", "IPTables", "`--env DOCKER_IPTABLES_LEGACY=1`"},
		{"iptables v1.8.11 (nf_tables): Could not fetch rule set generation id", "IPTables", "on node worker"},
		{"unknown flag: --nope", "CrashLoopBackOff", "before"},
	} {
		cause := &Cause{Reason: "CrashLoopBackOff", Log: test.log, Hint: "before"}
		explainLog(cause, "worker")
		if cause.Reason != test.reason || !strings.Contains(cause.Hint, test.hint) {
			t.Errorf("%s: got %+v", test.log, cause)
		}
	}
}
