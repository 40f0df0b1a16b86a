package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/dindctl/dindctl/hack/cluster/internal/build"
)

// requirement is something the cluster uses and the package that has it. Only
// what is missing is installed: a machine may well have its own containerd.
type requirement struct {
	found   func() bool
	program string
	pkg     string
}

var requirements = []requirement{
	{program: "containerd", pkg: "containerd"},
	{program: "runc", pkg: "runc"},
	{found: hasFile("/usr/lib/cni/bridge", "/opt/cni/bin/bridge", "/usr/libexec/cni/bridge"), pkg: "containernetworking-plugins"},
	{program: "etcd", pkg: "etcd-server"},
	{program: "iptables", pkg: "iptables"}, // for the CNI plugins
	{program: "nft", pkg: "nftables"},
	{program: "conntrack", pkg: "conntrack"},
	{program: "socat", pkg: "socat"},
	{program: "ip", pkg: "iproute2"},
	{program: "mount", pkg: "mount"},
	{program: "nsenter", pkg: "util-linux"},
	{program: "mmdebstrap", pkg: "mmdebstrap"},
	{found: hasFile("/usr/share/keyrings/debian-archive-keyring.gpg"), pkg: "debian-archive-keyring"},
	{found: hasFile("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"), pkg: "ca-certificates"},
	// runc is the one program here that needs a C compiler.
	{program: "gcc", pkg: "gcc"},
	{found: hasFile("/usr/include/stdlib.h"), pkg: "libc6-dev"},
	{program: "pkg-config", pkg: "pkg-config"},
	{found: hasFile("/usr/include/seccomp.h"), pkg: "libseccomp-dev"},
}

// Install brings in the missing packages, without starting any of the services
// in them.
func Install(ctx context.Context, log string, say func(string, ...any)) error {
	missing := missingPackages()
	if len(missing) == 0 {
		return nil
	}
	list := strings.Join(missing, " ")
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("missing, and there is no apt-get to install them with: %s (Debian's package names)", list)
	}
	say("installing %s (log: %s)", list, log)
	restore, err := forbidServices()
	if err != nil {
		return err
	}
	defer restore()
	install := append([]string{"install", "-y", "--no-install-recommends"}, missing...)
	if aptGet(ctx, log, install...) == nil {
		return nil
	}
	// The lists are missing or too old.
	if err := aptGet(ctx, log, "update"); err != nil {
		return fmt.Errorf("updating the package lists: %w", err)
	}
	if err := aptGet(ctx, log, install...); err != nil {
		return fmt.Errorf("installing %s: %w", list, err)
	}
	return nil
}

func missingPackages() []string {
	var missing []string
	for _, r := range requirements {
		found := r.found
		if found == nil {
			found = func() bool { _, err := exec.LookPath(r.program); return err == nil }
		}
		if !found() && !slices.Contains(missing, r.pkg) {
			missing = append(missing, r.pkg)
		}
	}
	return missing
}

func aptGet(ctx context.Context, log string, arguments ...string) error {
	command := exec.CommandContext(ctx, "apt-get", append([]string{"-o", "DPkg::Lock::Timeout=120"}, arguments...)...)
	command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1")
	return build.Run(command, log)
}

// forbidServices answers no to every package that asks whether it may start
// its daemon, and leaves an administrator's own answer alone.
func forbidServices() (restore func(), err error) {
	const policy = "/usr/sbin/policy-rc.d"
	file, err := os.OpenFile(policy, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return func() {}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("keeping services from starting: %w", err)
	}
	_, err = file.WriteString("#!/bin/sh\nexit 101\n")
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, errors.Join(err, os.Remove(policy))
	}
	return func() { _ = os.Remove(policy) }, nil
}

func hasFile(paths ...string) func() bool {
	return func() bool {
		return slices.ContainsFunc(paths, func(path string) bool { _, err := os.Stat(path); return err == nil })
	}
}
