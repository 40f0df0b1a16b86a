package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/lifecycle"
)

func (p *program) installCommand() *cli.Command {
	return &cli.Command{
		Name:  "install",
		Usage: "install or update the daemon and verify that it responds",
		Description: "Applies the objects with server-side apply, waits until the claim is bound and the pod is\n" +
			"ready, queries the daemon through a port-forward, and prints the variables for CI jobs to\n" +
			"standard output. install is idempotent: run it again to resume, repair or update an installation.",
		UsageText: "dindctl install [options]\ndindctl install --create-namespace -n ci > vars.yml",
		Flags: append(objectFlags(), inGroup("Installing",
			reuseFlag(),
			switchFlag("create-namespace", "create the namespace if it does not exist"),
			switchFlag("skip-preflight", "skip the checks of `dindctl check`"),
			switchFlag("adopt", "adopt objects with the same names that dindctl did not create; claims keep their data"),
			switchFlag("allow-data-root-change", "allow an engine downgrade or driver change that abandons the cache"),
			switchFlag("when-idle", "before restarting the pod, wait until nothing runs in it and nobody is connected"),
			switchFlag("rotate-certs", "with --tls: issue new certificates; running jobs continue with the previous ones"),
			switchFlag("dry-run", "preview the changes to each object with a server-side dry run, without applying them"),
			text("verify", "how to verify: daemon (API responds) or job (runs `dindctl verify`) (default: daemon)", "METHOD"),
			switchFlag("no-wait", "return after applying, without waiting or verifying"),
		)...),
		Action: p.install,
	}
}

func (p *program) install(c *cli.Context) error {
	s := p.session(c)
	verifyJob := s.verifyJob()
	options, err := s.objectOptions(c)
	if err != nil {
		return err
	}
	options.AllowDataRootChange = s.on("allow-data-root-change")
	how := lifecycle.InstallOptions{
		CreateNamespace: s.on("create-namespace"), SkipPreflight: s.on("skip-preflight"), NoWait: s.on("no-wait"),
		ReuseOptions: s.on("reuse-options"), Adopt: s.on("adopt"), WhenIdle: s.on("when-idle"), RotateCertificates: s.on("rotate-certs"), DryRun: s.on("dry-run"), VerifyJob: verifyJob,
	}
	installed, err := with(c.Context, s, func(ctx context.Context, i lifecycle.Instance) (lifecycle.Installation, error) {
		var err error
		if options, err = s.installed(ctx, c, i, options); err != nil {
			return lifecycle.Installation{}, err
		}
		return i.Install(ctx, options, how)
	})
	if err != nil {
		return err
	}
	if how.DryRun {
		return s.print(installed, func(out io.Writer) error {
			return writeChanges(out, s.streams.OutStyle(), installed.Objects, s.streams.OutTerminal && !p.verbose)
		})
	}
	err = s.print(installed, func(out io.Writer) error {
		return writeVariables(out, dind.AccessTo(options).Variables)
	})
	if err == nil && !s.on("quiet") && s.output == formatText {
		share := "Jobs that set these variables share the daemon's cache."
		if options.ReplicaCount() > 1 {
			share = "Jobs that set these variables use the first replica. With the script that `dindctl env` prints, each project uses its own."
		}
		fmt.Fprintln(s.streams.Err, share+"\n"+servicesHint)
	}
	return err
}

// verifyJob reports whether --verify asks for a Job.
func (s *session) verifyJob() bool {
	method := s.text("verify", "daemon")
	switch {
	case method != "daemon" && method != "job":
		s.problem("--verify", method, `must be "daemon" or "job"`, "")
	case s.on("no-wait") && s.text("verify", "") != "":
		s.problem("--verify", method, "has no effect with --no-wait", "Omit one of them.")
	}
	return method == "job"
}
