//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// faulty holds the commands in which faults are injected, in the order of an
// installation's life.
var faulty = []string{"install", "status", "prune-now", "uninstall"}

// One request to the API server fails. The command succeeds nevertheless, or
// ends before its timeout with an error that says what failed, and the next run
// completes the work. It never reports a success that is not true, and leaves
// the terminal in order. Runs one request of each command with each fault, or
// every request with DINDCTL_SOAK=1.
func TestAPIServerFaults(t *testing.T) {
	t.Parallel()
	var sum tally
	t.Cleanup(func() { sum.print(t, faulty, faults) })
	// Several lives run in parallel, because they mostly wait.
	const lives = 3
	for life := range lives {
		t.Run(fmt.Sprint(life), func(t *testing.T) {
			t.Parallel()
			var mine []fault
			for n := life; n < len(faults); n += lives {
				mine = append(mine, faults[n])
			}
			newFaultyLife(t, &sum).run(t, mine, life)
		})
	}
}

// faultyLife is an installation whose commands meet faults.
type faultyLife struct {
	*installation
	*injector
	sum   *tally
	claim types.UID
	// most is how many requests each command sends without a fault.
	most map[string]int
}

// newFaultyLife runs each command once without a fault to count its requests.
func newFaultyLife(t *testing.T, sum *tally) *faultyLife {
	t.Helper()
	l := &faultyLife{
		installation: inNewNamespace(t, nil), injector: newInjector(t),
		sum: sum, most: map[string]int{},
	}
	for _, command := range faulty {
		l.set(rule{})
		succeed(t, append(l.line(command), "--kubeconfig", l.kubeconfig)...)
		sent, _ := l.requests()
		l.most[command] = len(sent)
		l.claim = l.sameClaim(t, l.claim)
	}
	t.Logf("requests: %v", l.most)
	return l
}

// line returns the command line of one of the faulty commands.
func (l *faultyLife) line(command string) []string {
	options := []string{"-o", "json"}
	if command == "install" {
		options = l.installOptions(options...)
	}
	return l.command(command, options...)
}

// run goes through one life for each fault and round. A normal run has one
// round, in which each fault hits a different request.
func (l *faultyLife) run(t *testing.T, faults []fault, seed int) {
	for number, f := range faults {
		rounds := 1
		if env.soak {
			for _, most := range l.most {
				rounds = max(rounds, most)
			}
		}
		for round := range rounds {
			for _, command := range faulty {
				n := 1 + (round+7*number+3*seed)%l.most[command]
				if env.soak {
					n = round + 1
				}
				if n <= l.most[command] {
					l.meet(t, command, rule{fault: f, nth: n})
				}
				if command != "uninstall" {
					l.restore(t)
				}
			}
			succeedOr(t, notInstalled, l.line("uninstall")...)
			equal(t, "remaining objects", l.leftOver(t), []string{"persistentvolumeclaim/" + l.name + "-data"})
			l.claim = l.sameClaim(t, l.claim)
		}
	}
}

// restore makes the installation complete again.
func (l *faultyLife) restore(t *testing.T) {
	t.Helper()
	succeed(t, l.line("install")...)
	l.claim = l.sameClaim(t, l.claim)
}

// meet runs a command that meets a fault, and checks how it ends.
func (l *faultyLife) meet(t *testing.T, command string, r rule) {
	t.Helper()
	timeout := time.Minute
	if r.fault.lasts() {
		timeout = 10 * time.Second
	}
	before := l.jobs(t)
	l.set(r)
	line := append(l.line(command), "--kubeconfig", l.kubeconfig, "--timeout", timeout.String())
	end, screen := onTerminal(t, nil, line...)
	sent, hit := l.requests()
	l.set(rule{})
	l.claim = l.sameClaim(t, l.claim)
	if hit == 0 {
		return // it sent fewer requests this time
	}
	var wrong []string
	complain := func(format string, a ...any) { wrong = append(wrong, fmt.Sprintf(format, a...)) }
	if end.took > timeout+5*time.Second {
		complain("took %v", end.took)
	}
	if strings.LastIndex(screen, "\x1b[?25l") > strings.LastIndex(screen, "\x1b[?25h") {
		complain("the cursor is still hidden: %q", screen)
	}
	if end.code == done {
		complain = func(format string, a ...any) { wrong = append(wrong, "false success: "+fmt.Sprintf(format, a...)) }
		l.verify(t, command, end, before, complain)
	} else if reason := reasonOf(end); slices.Contains([]string{"", "Failed"}, reason) || end.code == notInstalled && command != "uninstall" || end.code == usage {
		complain("exit code %d, reason %q", end.code, reason)
	}
	l.sum.add(command, r.fault, func(c *count) {
		c.tried++
		switch {
		case len(wrong) > 0:
			c.broken++
		case end.code == done:
			c.done++
		default:
			c.explained++
		}
	})
	at := min(r.nth, len(sent)) - 1
	t.Logf("%s, request %d (%s) of %s: exit code %d after %.1fs", r.fault, r.nth, sent[at], command, end.code, end.took.Seconds())
	for _, one := range wrong {
		t.Errorf("%s at request %d (%s) of %s: %s\n%s\n%s", r.fault, r.nth, sent[at], command, one, end.stdout, screen)
	}
}

// verify checks that the state matches exit code 0 of a command.
func (l *faultyLife) verify(t *testing.T, command string, end result, before []batchv1.Job, complain func(string, ...any)) {
	t.Helper()
	switch command {
	case "install", "status":
		if command == "status" && !decode[status](t, end).Healthy {
			complain("exit code 0, and not healthy")
		}
		if s := statusOf(t, l.installation); !s.Healthy || len(s.Objects) != 7 {
			complain("not complete: %+v", s.Problems)
		}
	case "prune-now":
		after := l.jobs(t)
		if len(after) != len(before)+1 && len(after) < keptJobs {
			complain("%d jobs before, %d after", len(before), len(after))
		}
		report := decode[pruned](t, end)
		if !slices.ContainsFunc(after, func(j batchv1.Job) bool { return j.Name == report.Job && j.Status.Succeeded == 1 }) {
			complain("job/%s has not succeeded", report.Job)
		}
	case "uninstall":
		if left := l.leftOver(t); !slices.Equal(left, []string{"persistentvolumeclaim/" + l.name + "-data"}) {
			complain("remaining objects: %v", left)
		}
	}
}

// keptJobs is the number of Jobs that the CronJob's controller keeps.
const keptJobs = 3

func (l *faultyLife) jobs(t *testing.T) []batchv1.Job {
	t.Helper()
	return got[*batchv1.JobList](t)(env.cluster.BatchV1().Jobs(l.namespace).List(t.Context(), metav1.ListOptions{})).Items
}

// reasonOf returns the reason of a failed command's error, or that of the first
// problem in a status.
func reasonOf(r result) string {
	var document struct {
		Error    *failure
		Problems []struct{ Reason string }
	}
	if json.Unmarshal([]byte(r.stdout), &document) != nil {
		return ""
	}
	switch {
	case document.Error != nil:
		return document.Error.Reason
	case len(document.Problems) > 0:
		return document.Problems[0].Reason
	}
	return ""
}

// succeedOr runs the program and stops the test unless it ends with exit code 0
// or with the other code.
func succeedOr(t *testing.T, other int, args ...string) {
	t.Helper()
	if r := dindctl(t, args...); r.code != other {
		r.want(t, done)
	}
}
