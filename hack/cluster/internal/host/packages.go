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
	"time"

	"github.com/dindctl/dindctl/hack/cluster/internal/build"
	"github.com/dindctl/dindctl/hack/cluster/internal/steps"
)

// requirement is something the cluster uses and the package that has it. Only
// missing packages are installed: a machine may have its own containerd.
type requirement struct {
	found   func() bool
	program string
	pkg     string
}

// Requirements are the packages that something needs.
type Requirements []requirement

// SecondNode is what the second node needs.
var SecondNode = Requirements{
	{program: "mkfs.ext4", pkg: "e2fsprogs"},
	{program: "taskset", pkg: "util-linux"},
	// For its kernel, besides what runc is compiled with.
	{program: "make", pkg: "make"},
	{program: "flex", pkg: "flex"},
	{program: "bison", pkg: "bison"},
	{program: "bc", pkg: "bc"},
	{program: "xz", pkg: "xz-utils"},
}

// Cluster is what programs and images are built with, and what the first node needs.
var Cluster = Requirements{
	{program: "containerd", pkg: "containerd"},
	{program: "runc", pkg: "runc"},
	{found: hasFile("/usr/lib/cni/bridge", "/opt/cni/bin/bridge", "/usr/libexec/cni/bridge"), pkg: "containernetworking-plugins"},
	{program: "etcd", pkg: "etcd-server"},
	{program: "iptables", pkg: "iptables"}, // for the CNI plugins
	{program: "nft", pkg: "nftables"},
	{program: "ipset", pkg: "ipset"}, // for kube-router
	{program: "conntrack", pkg: "conntrack"},
	{program: "socat", pkg: "socat"},
	{program: "ip", pkg: "iproute2"},
	{program: "mount", pkg: "mount"},
	{program: "nsenter", pkg: "util-linux"},
	{program: "mmdebstrap", pkg: "mmdebstrap"},
	{found: hasFile("/usr/share/keyrings/debian-archive-keyring.gpg"), pkg: "debian-archive-keyring"},
	{found: hasFile("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"), pkg: "ca-certificates"},
	// For runc, the only program that needs a C compiler.
	{program: "gcc", pkg: "gcc"},
	{found: hasFile("/usr/include/stdlib.h"), pkg: "libc6-dev"},
	{program: "pkg-config", pkg: "pkg-config"},
	{found: hasFile("/usr/include/seccomp.h"), pkg: "libseccomp-dev"},
}

// Tests is what only the images for tests are made with: npm gets the clients that
// are not Go programs.
var Tests = Requirements{{program: "npm", pkg: "npm"}}

// Install installs the packages that are missing and starts none of their services.
func Install(ctx context.Context, needed Requirements, log string, board *steps.Board) error {
	missing := needed.missing()
	if len(missing) == 0 {
		return nil
	}
	list := strings.Join(missing, " ")
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("missing, and there is no apt-get to install them with: %s (Debian's package names)", list)
	}
	return board.Step("install Debian packages: "+list, 15*time.Second, func(detail func(string)) error {
		return install(ctx, log, missing, detail)
	})
}

func install(ctx context.Context, log string, missing []string, detail func(string)) error {
	restore, err := forbidServices()
	if err != nil {
		return err
	}
	defer restore()
	install := append([]string{"install", "-y", "--no-install-recommends"}, missing...)
	if aptGet(ctx, log, detail, install...) == nil {
		return nil
	}
	// The lists are missing or too old.
	if err := aptGet(ctx, log, detail, "update"); err != nil {
		return fmt.Errorf("updating the package lists: %w", err)
	}
	if err := aptGet(ctx, log, detail, install...); err != nil {
		return fmt.Errorf("installing %s: %w", strings.Join(missing, " "), err)
	}
	return nil
}

func (needed Requirements) missing() []string {
	var missing []string
	for _, r := range needed {
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

func aptGet(ctx context.Context, log string, detail func(string), arguments ...string) error {
	command := exec.CommandContext(ctx, "apt-get", append([]string{"-o", "DPkg::Lock::Timeout=120"}, arguments...)...)
	command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1")
	return build.Run(command, log, detail)
}

// forbidServices makes Debian's packages start no daemon when they are
// installed. It does not change a policy that the administrator has set.
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
