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
		Usage: "put the daemon into the cluster, or bring it up to these options, and prove that it answers",
		Description: "Applies each object with server-side apply, waits for the claim to bind and the pod to\n" +
			"be ready, asks the daemon through a port-forward, and prints the variables for CI jobs on\n" +
			"standard output. It can be run again at any time: it continues, repairs or changes nothing.",
		UsageText: "dindctl install [options]\ndindctl install --create-namespace -n ci > vars.yml",
		Flags: append(objectFlags(), inGroup("Installing",
			switchFlag("create-namespace", "make the namespace if it does not exist"),
			switchFlag("skip-preflight", "go on without the checks of `dindctl check`"),
			switchFlag("adopt", "take over objects of the same names that dindctl did not make; claims keep their data"),
			switchFlag("allow-data-root-change", "go on with an older engine or another storage driver, which lose the cache"),
			switchFlag("when-idle", "before the pod restarts, wait until no build and no container runs in it"),
			switchFlag("rotate-certs", "with --tls: new certificates; running jobs go on with those of before"),
			switchFlag("dry-run", "preview changes without applying them, object by object, by a server-side dry run"),
			text("verify", "what proves it: daemon, by its answer, or job, as `dindctl verify` (default: daemon)", "WHAT"),
			switchFlag("no-wait", "return when the objects are applied: nothing is proved then"),
		)...),
		Action: p.install,
	}
}

func (p *program) install(c *cli.Context) error {
	s := p.session(c)
	verifyJob := s.verifyJob()
	if s.on("rotate-certs") && !s.on("tls") {
		s.problems = append(s.problems, &dind.OptionError{Option: "--rotate-certs", Reason: "needs --tls", Hint: "Without TLS there are no certificates."})
	}
	options, err := s.objectOptions(c)
	if err != nil {
		return err
	}
	options.AllowDataRootChange = s.on("allow-data-root-change")
	how := lifecycle.InstallOptions{
		CreateNamespace: s.on("create-namespace"), SkipPreflight: s.on("skip-preflight"), NoWait: s.on("no-wait"),
		Adopt: s.on("adopt"), WhenIdle: s.on("when-idle"), RotateCertificates: s.on("rotate-certs"), DryRun: s.on("dry-run"), VerifyJob: verifyJob,
	}
	var installed lifecycle.Installation
	err = s.with(c.Context, func(ctx context.Context, i lifecycle.Instance) (err error) {
		options.Namespace = i.Cluster.Namespace
		installed, err = i.Install(ctx, options, how)
		return err
	})
	if err != nil {
		return err
	}
	if how.DryRun {
		return s.print(installed, func(out io.Writer) error {
			return writeChanges(out, s.streams.OutStyle(), installed.Objects)
		})
	}
	err = s.print(installed, func(out io.Writer) error {
		return writeVariables(out, dind.Variables(installed.Namespace, installed.Name, options.TLS))
	})
	if err == nil && !s.on("quiet") && s.output == formatText {
		fmt.Fprintln(s.streams.Err, "Jobs that set these variables share the daemon's cache.\n"+servicesHint)
	}
	return err
}

// verifyJob tells whether --verify asks for a Job; what cannot be asked for is
// one of the session's problems.
func (s *session) verifyJob() bool {
	what := s.text("verify", "daemon")
	problem := &dind.OptionError{Option: "--verify", Value: what}
	switch {
	case what != "daemon" && what != "job":
		problem.Reason, problem.Hint = "nothing that can prove it", "daemon or job"
	case s.on("no-wait") && s.text("verify", "") != "":
		problem.Reason, problem.Hint = "has no effect together with --no-wait", "Leave out one of the two."
	default:
		return what == "job"
	}
	s.problems = append(s.problems, problem)
	return false
}
