//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
)

// tally counts by command and fault how often something went wrong on purpose,
// and how that ended.
type tally struct {
	mu     sync.Mutex
	counts map[string]map[fault]*count
}

// count is of the runs that the fault happened to; a run whose requests were
// fewer is none.
type count struct{ tried, done, told, broken int }

func (y *tally) add(command string, f fault, add func(*count)) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.counts == nil {
		y.counts = map[string]map[fault]*count{}
	}
	if y.counts[command] == nil {
		y.counts[command] = map[fault]*count{}
	}
	if y.counts[command][f] == nil {
		y.counts[command][f] = &count{}
	}
	add(y.counts[command][f])
}

// print logs a line for each fault: tried/survived by command, and of those that
// survived how many did as if nothing had been, and how many failed, said why,
// and were put right by the next run.
func (y *tally) print(t *testing.T, commands []string, faults []fault) {
	t.Helper()
	y.mu.Lock()
	defer y.mu.Unlock()
	var out strings.Builder
	table := tabwriter.NewWriter(&out, 0, 0, 3, ' ', 0)
	fmt.Fprintf(table, "fault\t%s\tdone\ttold\tbroken\n", strings.Join(commands, "\t"))
	var all count
	for _, f := range faults {
		var sum count
		fmt.Fprintf(table, "%s\t", f)
		for _, command := range commands {
			n := y.counts[command][f]
			if n == nil {
				n = &count{}
			}
			fmt.Fprintf(table, "%d/%d\t", n.tried, n.tried-n.broken)
			sum = sum.plus(*n)
		}
		fmt.Fprintf(table, "%d\t%d\t%d\n", sum.done, sum.told, sum.broken)
		t.Attr(strings.ReplaceAll(string(f), " ", "-"), fmt.Sprintf("%d tried, %d survived", sum.tried, sum.tried-sum.broken))
		all = all.plus(sum)
	}
	_ = table.Flush()
	t.Logf("faults tried/survived, by command; done as if nothing had been, or failed and told why:\n%sin all: %d tried, %d survived",
		out.String(), all.tried, all.tried-all.broken)
	if all.tried == 0 {
		t.Error("no fault happened")
	}
}

func (c count) plus(d count) count {
	return count{c.tried + d.tried, c.done + d.done, c.told + d.told, c.broken + d.broken}
}
