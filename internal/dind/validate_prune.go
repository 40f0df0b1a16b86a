package dind

import (
	"fmt"
	"strconv"
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

// NoHighWater is the --high-water that lets images fill the disk.
const NoHighWater = "none"

// The marks that may be asked for. Below the lowest hardly an image would stay,
// above the highest a build fills the disk between two looks.
const minHighWater, maxHighWater = 10, 98

func (o Options) checkHighWater(ps *Problems) {
	const option = "--high-water"
	if o.HighWater == NoHighWater {
		return
	}
	mark, err := strconv.ParseUint(strings.TrimSuffix(o.HighWater, "%"), 10, 32)
	switch {
	case err != nil || !strings.HasSuffix(o.HighWater, "%"):
		ps.add(option, o.HighWater, "is neither a whole number of percent nor none", "Give a share of the file system such as "+DefaultHighWater+", or none.")
		return
	case mark < minHighWater || mark > maxHighWater:
		ps.add(option, o.HighWater, fmt.Sprintf("must be between %d%% and %d%%", minHighWater, maxHighWater), "Give a share of the file system such as "+DefaultHighWater+", or none.")
		return
	}
	// A cache that may grow past the mark would cost every image.
	limit, err := ParseCacheLimit(o.CacheLimit)
	if err == nil && limit.Percent >= int64(mark) {
		ps.add(option, o.HighWater, "is not above --cache-limit "+o.CacheLimit+", so that the build cache alone could pass it",
			"Give a higher mark, a lower --cache-limit, or --high-water none.")
	}
}

// highWater is the mark as guard.sh takes it.
func (p plan) highWater() string { return strings.TrimSuffix(p.HighWater, "%") }
