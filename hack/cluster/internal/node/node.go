// Package node creates the namespaces that the cluster's programs run in. The
// mounts of kubelet and containerd are not visible outside their mount namespace,
// and end with its last process.
package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dindctl/dindctl/hack/cluster/internal/network"
	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
	"github.com/dindctl/dindctl/hack/cluster/internal/process"
)

// Holder is the name under which the process that keeps the mount namespace
// is recorded.
const Holder = "node"

// ContainerdSocket exists only in the node's mount namespace.
const ContainerdSocket = "/run/containerd/containerd.sock"

// mounts returns the fixed paths of kubelet, containerd, the CNI plugins and the
// host-path provisioner, and what is mounted on each: a directory of the cluster's
// state, or a tmpfs ("") whose content must not survive the node.
func mounts(p paths.Paths) [][2]string {
	return [][2]string{
		{"/var/lib/kubelet", p.In("kubelet")},
		{"/var/lib/cni", ""},
		{"/var/log/pods", p.In("pod-logs")},
		{"/var/log/containers", p.In("container-logs")},
		{"/run/containerd", ""},
		{"/run/netns", ""},
		{"/tmp/hostpath_pv", p.In("volumes")},
	}
}

// Start starts the process that holds the mount namespace.
func Start(p paths.Paths, records process.Records, enter func(int) error) error {
	script, err := prepare(p)
	if err != nil {
		return fmt.Errorf("preparing the node's mounts: %w", err)
	}
	argv := []string{
		"nsenter", "--net=" + network.File,
		// Later mounts of the machine appear inside, not the reverse.
		"unshare", "--mount", "--propagation", "slave",
		"sh", "-ec", script,
	}
	ready := p.In("run", "node.ready")
	if err := os.Remove(ready); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return records.Start(Holder, process.Spec(argv...), argv, p.Log(Holder), enter)
}

// Ready reports whether the mounts are complete.
func Ready(p paths.Paths) bool {
	_, err := os.Stat(p.In("run", "node.ready"))
	return err == nil
}

// prepare creates what the mounts need and returns the script that mounts them. It
// records the mount points that it creates, for Clean.
func prepare(p paths.Paths) (string, error) {
	script := []string{"mount --make-rshared /"}
	var created []string
	for _, mount := range mounts(p) {
		point, content := mount[0], mount[1]
		if _, err := os.Stat(point); errors.Is(err, os.ErrNotExist) {
			created = append(created, point)
		}
		if err := os.MkdirAll(point, 0o755); err != nil {
			return "", err
		}
		if content == "" {
			script = append(script, "mount -t tmpfs -o mode=755 dindctl "+point)
			continue
		}
		if err := os.MkdirAll(content, 0o755); err != nil {
			return "", err
		}
		script = append(script, "mount --bind "+quote(content)+" "+point)
	}
	if err := note(p, created); err != nil {
		return "", err
	}
	script = append(script, "touch "+quote(p.In("run", "node.ready")), "exec sleep infinity")
	return strings.Join(script, "\n"), nil
}

func note(p paths.Paths, created []string) error {
	file, err := os.OpenFile(p.In("mount-points"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	for _, point := range created {
		fmt.Fprintln(file, point)
	}
	return file.Close()
}

// Clean removes the mount points that the cluster created, except those that are
// not empty.
func Clean(p paths.Paths) {
	data, err := os.ReadFile(p.In("mount-points"))
	if err != nil {
		return
	}
	for point := range strings.FieldsSeq(string(data)) {
		_ = os.Remove(point)
	}
	_ = os.Remove(p.In("mount-points"))
}

// Enter returns the command line that runs a program in the node.
func Enter(records process.Records, program string, arguments ...string) []string {
	holder := records.Load(Holder).PID
	return append([]string{
		"nsenter", "--net=" + network.File, fmt.Sprintf("--mount=/proc/%d/ns/mnt", holder),
		"--wd=" + filepath.Dir("/"), program,
	}, arguments...)
}

func quote(path string) string { return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" }
