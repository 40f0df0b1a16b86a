package dind

import (
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
)

// drainScriptName is the script that lets work end before the daemon stops.
const drainScriptName = "drain.sh"

func (o Options) checkDrain(errs *OptionErrors) {
	if _, err := parseUnusedFor(o.DrainTimeout); err != nil {
		errs.add("--drain-timeout", o.DrainTimeout, err.Error(), "Use a duration such as "+DefaultDrainTimeout+"; 0 waits for nothing.")
	}
}

// drainTimeout returns DrainTimeout in seconds.
func (p plan) drainTimeout() int64 {
	normal, _ := parseUnusedFor(p.DrainTimeout) // validated
	timeout, _ := time.ParseDuration(normal)
	return int64(timeout / time.Second)
}

// withDrain makes the pod wait for builds, pushes and pulls in progress before it stops.
func (p plan) withDrain(pod *applycore.PodSpecApplyConfiguration) {
	timeout := p.drainTimeout()
	pod.WithTerminationGracePeriodSeconds(timeout + gracePeriod)
	if timeout > 0 {
		command := runScript(drainScriptName, strconv.FormatInt(timeout, 10), strconv.Itoa(int(Port(p.TLS))))
		pod.Containers[0].WithLifecycle(applycore.Lifecycle().WithPreStop(applycore.LifecycleHandler().
			WithExec(applycore.ExecAction().WithCommand(command...))))
	}
}

// DrainTimeout returns how long the daemon's pod lets work end before it stops; 0 if it
// stops at once.
func DrainTimeout(pod corev1.PodSpec) time.Duration {
	for _, container := range pod.Containers {
		if container.Name != ContainerName || container.Lifecycle == nil || container.Lifecycle.PreStop == nil || container.Lifecycle.PreStop.Exec == nil {
			continue
		}
		if _, arguments, found := strings.Cut(strings.Join(container.Lifecycle.PreStop.Exec.Command, " "), drainScriptName+" "); found {
			seconds, _ := strconv.ParseInt(strings.Fields(arguments)[0], 10, 64) // the daemon's container has no other
			return time.Duration(seconds) * time.Second
		}
	}
	return 0
}

// ClientsCommand returns a command for the daemon's container that prints the addresses of
// its clients in other pods, separated by commas, as soon as there are none or others than
// the known ones.
func ClientsCommand(tls bool, known string) []string {
	script := commentLine.ReplaceAllString(clientsScript, "")
	return []string{"sh", "-c", script + `
while true; do
	now=$(clients "$1" | sed 's/127[.]0[.]0[.]1, //; s/\(, \)*127[.]0[.]0[.]1$//')
	[ -n "$now" ] && [ "$now" = "$2" ] || break
	sleep 1
done
echo "$now"`, "clients", strconv.Itoa(int(Port(tls))), known}
}

// DrainCommand returns a command for the daemon's container that prints what drain.sh
// waits for.
func DrainCommand() []string {
	return []string{"sh", "-c", "cat /run/dindctl/draining 2>/dev/null || true"}
}

// Draining is what a daemon waits for before it stops.
type Draining struct {
	Until   time.Time `json:"until"`   // when it stops at the latest
	Clients []string  `json:"clients"` // the addresses of those that are connected
}

// ParseDraining parses the output of DrainCommand; nil if the daemon does not drain.
func ParseDraining(output string) *Draining {
	until, clients, _ := strings.Cut(strings.TrimSpace(output), " ")
	seconds, err := strconv.ParseInt(until, 10, 64)
	if err != nil {
		return nil
	}
	d := &Draining{Until: time.Unix(seconds, 0).UTC(), Clients: []string{}}
	if clients != "" {
		d.Clients = strings.Split(clients, ", ")
	}
	return d
}
