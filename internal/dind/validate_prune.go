package dind

import (
	"strings"
	"time"
	_ "time/tzdata" // so that the answer does not depend on the machine's files

	"github.com/robfig/cron/v3"
)

// NoSchedule is the --prune-schedule that asks for no CronJob.
const NoSchedule = "none"

func (o Options) checkPrune(ps *Problems) {
	if o.PruneSchedule != NoSchedule {
		if reason, hint := scheduleProblem(o.PruneSchedule); reason != "" {
			ps.add("--prune-schedule", o.PruneSchedule, reason, hint)
		}
	}
	o.checkTimezone(ps)
	if _, err := parseUnusedFor(o.PruneUnusedFor); err != nil {
		ps.add("--prune-unused-for", o.PruneUnusedFor, err.Error(), unusedForHint)
	}
}

const unusedForHint = "Give a duration such as 168h or 7d; 0 removes everything that is unused."

// scheduleProblem reads the schedule with the parser that Kubernetes uses.
func scheduleProblem(s string) (reason, hint string) {
	const example = "Give five fields, for example \"" + DefaultPruneSchedule + "\" for Sundays at midnight, or none."
	if strings.Contains(s, "TZ=") {
		// Kubernetes refuses it: the zone has its own field, timeZone.
		return "has a time zone in it, which Kubernetes refuses", "Use --prune-timezone."
	}
	schedule, err := cron.ParseStandard(s)
	if err != nil {
		return "is not a cron schedule (" + err.Error() + ")", example
	}
	// Any fixed moment does: the parser looks five years ahead, and a day that
	// never comes (31 February) comes in none of them.
	if schedule.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return "never comes", "Check day and month."
	}
	return "", ""
}

func (o Options) checkTimezone(ps *Problems) {
	const option = "--prune-timezone"
	if o.PruneTimezone == "" {
		return
	}
	// Kubernetes refuses Local: it would mean the controller's machine.
	if _, err := time.LoadLocation(o.PruneTimezone); err != nil || strings.EqualFold(o.PruneTimezone, "local") {
		ps.add(option, o.PruneTimezone, "is not a time zone", "Give a name such as Europe/Berlin or Etc/UTC.")
	}
	if o.PruneSchedule == NoSchedule {
		ps.add(option, o.PruneTimezone, "has no effect without a schedule", "Leave it out, or give --prune-schedule.")
	}
}

// Validate tells what is wrong with the overrides, as Problems, or nil. The
// options are prune-now's.
func (o PruneOverrides) Validate() error {
	var ps Problems
	if o.UnusedFor != "" {
		if _, err := parseUnusedFor(o.UnusedFor); err != nil {
			ps.add("--unused-for", o.UnusedFor, err.Error(), unusedForHint)
		}
		if o.All {
			ps.add("--unused-for", o.UnusedFor, "has no effect together with --all", "Leave one of the two out.")
		}
	}
	if o.KeepStorage != "" {
		if _, err := ParseSize(o.KeepStorage); err != nil {
			ps.add("--keep-storage", o.KeepStorage, err.Error(), "Give a size such as 20Gi or 20GB.")
		}
	}
	return ps.err()
}
