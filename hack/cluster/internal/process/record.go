// Package process starts the cluster's programs detached from the launcher
// and ends them by what was recorded at their start, never by name.
package process

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
)

// Record identifies a process beyond doubt: its number alone may belong to
// another one by now, and its start time alone repeats after a reboot.
type Record struct {
	PID   int
	Start uint64 // field 22 of /proc/PID/stat
	Boot  string // /proc/sys/kernel/random/boot_id
	Spec  string // a hash of how it was started; a different one means restart
}

// Alive says whether exactly the recorded process still runs.
func (r Record) Alive() bool {
	if r.PID <= 0 || r.Boot != bootID() {
		return false
	}
	start, err := startTime(r.PID)
	return err == nil && start == r.Start
}

func (r Record) String() string {
	return fmt.Sprintf("%d %d %s %s\n", r.PID, r.Start, r.Boot, r.Spec)
}

func parseRecord(text string) (Record, error) {
	var r Record
	if _, err := fmt.Sscan(text, &r.PID, &r.Start, &r.Boot, &r.Spec); err != nil {
		return Record{}, fmt.Errorf("reading process record %q: %w", text, err)
	}
	return r, nil
}

// Records is the directory that holds one record a component.
type Records string

// Load returns the record of a component; a missing or unreadable one is the
// zero Record, which is not alive.
func (d Records) Load(name string) Record {
	data, err := os.ReadFile(d.file(name))
	if err != nil {
		return Record{}
	}
	record, err := parseRecord(string(data))
	if err != nil {
		return Record{}
	}
	return record
}

func (d Records) save(name string, record Record) error {
	return paths.WriteFile(d.file(name), []byte(record.String()), 0o644)
}

func (d Records) file(name string) string { return filepath.Join(string(d), name+".pid") }

// startTime reads when a process started, in clock ticks since boot. A zombie
// has ended: it only waits to be reaped.
func startTime(pid int) (uint64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStat(string(data))
}

// parseStat counts its fields from the last parenthesis, because a program's
// name may hold spaces and parentheses itself.
func parseStat(stat string) (uint64, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 {
		return 0, fmt.Errorf("unexpected process status %q", stat)
	}
	if fields[0] == "Z" || fields[0] == "X" {
		return 0, os.ErrProcessDone
	}
	return strconv.ParseUint(fields[19], 10, 64)
}

func bootID() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(data))
}
