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
		Usage:     "verify from inside the cluster: a Job builds an image twice, the second time from the cache",
		UsageText: "dindctl verify [options]\ndindctl verify --from other-namespace",
		Description: "The Job connects like a CI job: through DNS, the Service and the NetworkPolicies. It is removed\n" +
			"afterwards, with everything it built. With --from the Job runs in another namespace; if the\n" +
			"NetworkPolicy does not allow that namespace, the Job must not reach the daemon. The exit code is 3\n" +
			"if the result is not as expected. -v streams the Job's log.",
		Flags:  inGroup("Verifying", text("from", "namespace to run the Job in (default: the installation's)", "NAMESPACE"), replicaFlag()),
		Action: p.verify,
	}
}

func (p *program) verify(c *cli.Context) error {
	s := p.session(c)
	from := s.text("from", "")
	if from != "" {
		s.problems = append(s.problems, dind.CheckNamespace("--from", from)...)
	}
	if err := s.validate(c); err != nil {
		return err
	}
	verified, err := eachReplica(c.Context, s, func(ctx context.Context, i lifecycle.Instance) (lifecycle.Verification, error) {
		return i.Verify(ctx, from, s.jobLog(i.Observer))
	})
	if err != nil {
		return err
	}
	verified[0].Replicas = verified[1:]
	return printEach(s, verified, func(out io.Writer, v lifecycle.Verification) error {
		return writeVerification(out, s.streams.OutStyle(), v)
	})
}

func writeVerification(out io.Writer, style terminal.Style, v lifecycle.Verification) error {
	if !v.Reached {
		_, err := fmt.Fprintf(out, "A job in namespace %s cannot reach %s: the NetworkPolicy is enforced.\nA job in namespace %s can, and its builds are cached.\n", v.From, v.DockerHost, v.Namespace)
		return err
	}
	table := terminal.NewTable(style)
	table.Header("BUILD", "TIME", "CACHED")
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
		faster = fmt.Sprintf(" (%.1f times as fast)", v.Cold.Seconds/v.Warm.Seconds)
	}
	_, err := fmt.Fprintf(out, "A job in namespace %s reaches %s, and its second build is served from the cache%s.\n", v.From, v.DockerHost, faster)
	return err
}
