package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/human"
	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/terminal"
)

func (p *program) verifyCommand() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "prove it from inside the cluster: a Job builds an image twice, the second time from the cache",
		UsageText: "dindctl verify [options]\ndindctl verify --from other-namespace",
		Description: "The Job takes the way of a CI job: DNS, Service, NetworkPolicies. It is removed afterwards,\n" +
			"with what it built. With --from it runs in another namespace, and where the NetworkPolicy\n" +
			"does not let that in, it must not reach the daemon. Exits 3 when it is not as it should be.\n" +
			"With -v, the Job's log is shown as it is written.",
		Flags:  inGroup("Verifying", text("from", "namespace to run the Job in (default: the installation's)", "NAMESPACE")),
		Action: p.verify,
	}
}

func (p *program) verify(c *cli.Context) error {
	s := p.session(c)
	from := s.text("from", "")
	if from != "" {
		s.problems = append(s.problems, dind.CheckNamespace("--from", from)...)
	}
	if err := s.checked(c); err != nil {
		return err
	}
	var verified lifecycle.Verification
	err := s.with(c.Context, func(ctx context.Context, i lifecycle.Instance) (err error) {
		verified, err = i.Verify(ctx, from, s.jobLog(i.Observer))
		return err
	})
	if err != nil {
		return err
	}
	return s.print(verified, func(out io.Writer) error { return writeVerification(out, s.streams.OutStyle(), verified) })
}

func writeVerification(out io.Writer, style terminal.Style, v lifecycle.Verification) error {
	if !v.Reached {
		_, err := fmt.Fprintf(out, "A job in namespace %s does not reach %s: the NetworkPolicy holds.\nOne in namespace %s does, and its builds are cached.\n", v.From, v.DockerHost, v.Namespace)
		return err
	}
	table := terminal.NewTable(style)
	table.Header("BUILD", "TIME", "FROM THE CACHE")
	row := func(name string, build *dind.VerifiedBuild) {
		table.Row(name, human.Took(build.Seconds), fmt.Sprintf("%d of %d steps", build.CachedSteps, v.Steps))
	}
	row("first", v.Cold)
	row("second", v.Warm)
	if _, err := table.WriteTo(out); err != nil {
		return err
	}
	faster := ""
	if v.Warm.Seconds > 0 && v.Warm.Seconds < v.Cold.Seconds {
		faster = fmt.Sprintf(", %.1f times as fast", v.Cold.Seconds/v.Warm.Seconds)
	}
	_, err := fmt.Fprintf(out, "A job in namespace %s reaches %s, and builds again from the cache%s.\n", v.From, v.DockerHost, faster)
	return err
}
