package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// program has the startup costs of a client.
type program struct {
	Name string `json:"name"`
	// HelpSeconds is how long `--help` takes, HelpMemoryBytes its peak memory.
	HelpSeconds     float64 `json:"helpSeconds"`
	HelpMemoryBytes int64   `json:"helpMemoryBytes"`
	FileBytes       int64   `json:"fileBytes"`
}

// starts is how often each program is started. A start takes milliseconds.
const starts = 15

// programs measures the clients, which take turns.
func (s setting) programs(ctx context.Context) ([]program, error) {
	paths := []string{s.dindctl, s.kubectl, s.helm}
	seconds, memory := make([][]float64, len(paths)), make([][]int64, len(paths))
	found := make([]program, len(paths))
	for range starts {
		for i, path := range paths {
			command := exec.CommandContext(ctx, path, "--help")
			began := time.Now()
			if err := command.Run(); err != nil {
				return nil, fmt.Errorf("%s --help: %w", path, err)
			}
			seconds[i] = append(seconds[i], time.Since(began).Seconds())
			memory[i] = append(memory[i], peakMemory(command.ProcessState))
		}
	}
	for i, path := range paths {
		full, err := exec.LookPath(path)
		if err != nil {
			return nil, err
		}
		info, err := os.Stat(full)
		if err != nil {
			return nil, err
		}
		found[i] = program{filepath.Base(path), median(seconds[i]), median(memory[i]), info.Size()}
	}
	return found, nil
}

// peakMemory returns the peak memory of a process, 0 if the system does not report
// it.
func peakMemory(process *os.ProcessState) int64 {
	if process == nil { // it was not started
		return 0
	}
	usage, is := process.SysUsage().(*syscall.Rusage)
	if !is {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return usage.Maxrss
	}
	return usage.Maxrss * 1024
}
