package dind

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // the machine may have no time zone files

	"github.com/robfig/cron/v3"
)

// NoSchedule is the value of --prune-schedule for no CronJob.
const NoSchedule = "none"

// NoMaxContainerAge is the value of --max-container-age that keeps running containers.
const NoMaxContainerAge = "none"

func (o Options) checkPrune(errs *OptionErrors) {
	if o.PruneSchedule != NoSchedule {
		if reason, hint := scheduleProblem(o.PruneSchedule); reason != "" {
			errs.add("--prune-schedule", o.PruneSchedule, reason, hint)
		}
	}
	// Kubernetes rejects Local.
	if _, err := time.LoadLocation(o.PruneTimezone); err != nil || strings.EqualFold(o.PruneTimezone, "local") {
		errs.add("--prune-timezone", o.PruneTimezone, "is not a time zone", "Use a name such as Europe/Berlin or Etc/UTC.")
	}
	if o.PruneTimezone != "" && o.PruneSchedule == NoSchedule {
		errs.add("--prune-timezone", o.PruneTimezone, "has no effect without a schedule", "Omit it, or set --prune-schedule.")
	}
	if _, err := parseUnusedFor(o.PruneUnusedFor); err != nil {
		errs.add("--prune-unused-for", o.PruneUnusedFor, err.Error(), unusedForHint)
	}
	const ageHint = "Use a duration such as 24h or 7d, or none."
	if age, err := parseUnusedFor(o.MaxContainerAge); o.MaxContainerAge == NoMaxContainerAge {
		return
	} else if err != nil {
		errs.add("--max-container-age", o.MaxContainerAge, err.Error(), ageHint)
	} else if age == "0" {
		errs.add("--max-container-age", o.MaxContainerAge, "would remove every container that runs", ageHint)
	}
}

const unusedForHint = "Use a duration such as 168h or 7d; 0 removes everything unused."

// scheduleProblem checks the schedule with the parser that Kubernetes uses.
func scheduleProblem(s string) (reason, hint string) {
	const example = "Use five fields, for example \"" + DefaultPruneSchedule + "\" for Sundays at midnight, or none."
	if strings.Contains(s, "TZ=") {
		return "contains a time zone, which Kubernetes rejects", "Use --prune-timezone."
	}
	schedule, err := cron.ParseStandard(s)
	if err != nil {
		return "is not a cron schedule (" + err.Error() + ")", example
	}
	// The parser looks five years ahead, so any start time finds a date like 31 February.
	if schedule.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return "never runs", "Check the day and the month."
	}
	return "", ""
}

// Validate returns all errors in the overrides as OptionErrors, or nil.
func (o PruneOverrides) Validate() error {
	var errs OptionErrors
	if o.UnusedFor != "" {
		if _, err := parseUnusedFor(o.UnusedFor); err != nil {
			errs.add("--unused-for", o.UnusedFor, err.Error(), unusedForHint)
		}
		if o.All {
			errs.add("--unused-for", o.UnusedFor, "has no effect with --all", omitOne)
		}
	}
	if o.KeepStorage != "" {
		if _, err := ParseSize(o.KeepStorage); err != nil {
			errs.add("--keep-storage", o.KeepStorage, err.Error(), "Use a size such as 20Gi or 20GB.")
		}
	}
	return errs.err()
}

// NoHighWater is the value of --high-water that disables image garbage collection.
const NoHighWater = "none"

// The allowed percentages. With less, hardly any image stays; with more, a build can
// fill the disk before the next check.
const minHighWater, maxHighWater = 10, 98

func (o Options) checkHighWater(errs *OptionErrors) {
	const option = "--high-water"
	if o.HighWater == NoHighWater {
		return
	}
	const hint = "Use a percentage of the file system such as " + DefaultHighWater + ", or none."
	number, isPercent := strings.CutSuffix(o.HighWater, "%")
	mark, err := strconv.ParseUint(number, 10, 32)
	limit, _ := ParseCacheLimit(o.CacheLimit)
	switch {
	case err != nil || !isPercent:
		errs.add(option, o.HighWater, "is neither a whole percentage nor none", hint)
	case mark < minHighWater || mark > maxHighWater:
		errs.add(option, o.HighWater, fmt.Sprintf("must be between %d%% and %d%%", minHighWater, maxHighWater), hint)
	// The build cache alone would cause the removal of every image.
	case limit.Percent >= int64(mark) && o.HighWater == DefaultHighWater:
		errs.add("--cache-limit", o.CacheLimit, "must be less than --high-water "+o.HighWater,
			"Use a lower percentage, a higher --high-water, or --high-water none.")
	case limit.Percent >= int64(mark):
		errs.add(option, o.HighWater, "must be greater than --cache-limit "+o.CacheLimit,
			"Use a higher percentage, a lower --cache-limit, or --high-water none.")
	}
}
