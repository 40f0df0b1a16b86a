// Package process starts the cluster's programs, which outlive the launcher, and
// stops them by what it recorded at their start, never by name.
package process

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
)

// Record identifies a process. Its PID alone may be another process's by now, and
// its start time alone may repeat after a reboot.
type Record struct {
	PID   int
	Start uint64 // field 22 of /proc/PID/stat
	Boot  string // /proc/sys/kernel/random/boot_id
	Spec  string // a hash of how it was started; a different one means restart
}

// Alive reports whether the recorded process still runs.
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

// Records is the directory with one record for each component.
type Records string

// Load returns the record of a component, or, if there is none that can be read,
// the zero Record, which is not alive.
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

// startTime returns when a process started, in clock ticks since boot. A zombie
// counts as a process that has exited.
func startTime(pid int) (uint64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStat(string(data))
}

// parseStat counts the fields from the last parenthesis, because the name of a
// program may have spaces and parentheses.
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
