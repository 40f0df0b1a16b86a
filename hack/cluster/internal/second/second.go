// Package second runs the cluster's second node: a virtual machine with a kernel
// that runs as a process, user-mode Linux. Its control groups are of version 2,
// whatever those of this machine are.
package second

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/dindctl/dindctl/hack/cluster/internal/control"
	"github.com/dindctl/dindctl/hack/cluster/internal/network"
	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
	"github.com/dindctl/dindctl/hack/cluster/internal/process"
)

// Name is the name under which the virtual machine is recorded.
const Name = "second-node"

const (
	memory = 4 << 30
	disk   = 20 << 30 // of a sparse file
)

//go:embed init.sh
var initScript []byte

// Start starts the virtual machine with a kernel that Kernel returned and the
// programs of the node.
func Start(p paths.Paths, records process.Records, kernel string, node control.Node, programs []control.Component, enter func(int) error) error {
	if err := prepare(p, programs); err != nil {
		return fmt.Errorf("preparing the second node: %w", err)
	}
	if err := network.TapUp(); err != nil {
		return fmt.Errorf("connecting the second node: %w", err)
	}
	argv := append(priority(), "nsenter", "--net="+network.File,
		// On one processor, switching between its processes is several times as fast.
		"taskset", "--cpu-list", strconv.Itoa(lastProcessor()),
		"env", "TMPDIR="+scratch(p),
		kernel, "mem="+strconv.Itoa(memory), "uml_dir="+p.In("second"), "con=null",
		// Tracing its processes is slower.
		"seccomp=auto",
		"root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "init="+p.In("second", "init"),
		"ubd0="+p.In("second", "disk"),
		"vec0:transport=tap,ifname="+network.Tap+",depth=128,gro=1",
		"state="+p.State, "node="+node.Name, "address="+node.Address, "gateway="+network.SecondGateway,
	)
	return records.Start(Name, process.Spec(argv...), argv, p.Log(Name), enter)
}

// prepare writes the machine's disk, unless there is one, and what it starts with.
func prepare(p paths.Paths, programs []control.Component) error {
	var lines strings.Builder
	for _, program := range programs {
		fmt.Fprintf(&lines, "supervise %s", program.Name)
		for _, word := range append([]string{program.Program}, program.Arguments...) {
			lines.WriteString(" '" + strings.ReplaceAll(word, "'", `'\''`) + "'")
		}
		lines.WriteString("\n")
	}
	err := errors.Join(
		paths.WriteFile(p.In("second", "programs"), []byte(lines.String()), 0o644),
		paths.WriteFile(p.In("second", "init"), initScript, 0o755),
		os.MkdirAll(p.In("logs"), 0o755),
	)
	file := p.In("second", "disk")
	if _, missing := os.Stat(file); err != nil || missing == nil {
		return err
	}
	fresh := file + ".new"
	if err := os.WriteFile(fresh, nil, 0o600); err != nil {
		return err
	}
	if err := os.Truncate(fresh, disk); err != nil {
		return err
	}
	if output, err := exec.Command("mkfs.ext4", "-q", "-F", fresh).CombinedOutput(); err != nil {
		return fmt.Errorf("making its file system: %w: %s", err, output)
	}
	return os.Rename(fresh, file)
}

// scratch returns the directory of the file that is the machine's memory: in
// memory, if there is room.
func scratch(p paths.Paths) string {
	var status syscall.Statfs_t
	const shared = "/dev/shm"
	if err := syscall.Statfs(shared, &status); err == nil && status.Bavail*uint64(status.Bsize) > memory+memory/4 {
		return shared
	}
	return p.In("second")
}

// priority returns the command that runs another one ahead of all others, if that is
// permitted. On a busy machine the virtual machine would otherwise be too slow for
// time-outs in its programs.
func priority() []string {
	first := []string{"chrt", "--rr", "1"}
	if exec.Command(first[0], append(first[1:], "true")...).Run() != nil {
		return nil
	}
	return first
}

// lastProcessor returns the highest number among the processors that this process
// may use.
func lastProcessor() int {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if list, found := strings.CutPrefix(line, "Cpus_allowed_list:"); found {
			list = strings.TrimSpace(list)
			last, _ := strconv.Atoi(list[strings.LastIndexAny(list, ",-")+1:])
			return last
		}
	}
	return 0
}

// Logs returns where the logs of the node's programs are.
func Logs(p paths.Paths) string { return filepath.Join(p.In("logs"), "second-*.log") }
