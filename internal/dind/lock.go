package dind

// WaitingCommand returns a command for the daemon's container. It prints why lock.sh
// waits; nothing if it does not.
func WaitingCommand() []string {
	return []string{"sh", "-c", "cat /var/run/dindctl-waiting 2>/dev/null || true"}
}
