package rollout

import "strings"

// logSign is one row of the table of what a daemon says before it ends.
type logSign struct {
	words           []string // one of them is in its last lines
	reason, message string
	hint            string // NODE is the node
}

func logSigns() []logSign {
	return []logSign{
		{[]string{"no space left on device"}, "DiskFull", "The daemon cannot start: its volume is full.",
			"Set a larger --storage-size if the storage class allows expansion, or delete files on the volume."},
		{[]string{"failed to create NAT chain", "can't initialize iptables table", "Could not fetch rule set", "iptables not found"}, "IPTables",
			"The daemon cannot start: the kernel of its node does not offer the tables that iptables asks for.",
			"`--env DOCKER_IPTABLES_LEGACY=1` uses the older tables, `--env DOCKER_IPTABLES_LEGACY=` the newer ones; or load the modules on node NODE: ip_tables and iptable_nat, or nf_tables."},
	}
}

// explainLog replaces the cause of a crash by what its last lines say.
func explainLog(cause *Cause, node string) {
	for _, row := range logSigns() {
		if cause.Reason == "CrashLoopBackOff" && containsAny(cause.Log, row.words) {
			cause.Reason, cause.Message, cause.Hint = row.reason, row.message, strings.ReplaceAll(row.hint, "NODE", node)
			return
		}
	}
}
