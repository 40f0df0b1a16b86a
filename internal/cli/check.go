package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"
	"sigs.k8s.io/yaml"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/terminal"
)

func (p *program) checkCommand() *cli.Command {
	return &cli.Command{
		Name:      "check",
		Usage:     "find out whether this cluster and this user can run it, changing nothing",
		UsageText: "dindctl check [options]\ndindctl check --print-role -n ci | kubectl apply -f -",
		Description: "Takes the options of install, for what it checks depends on them. Exits 3 when a check\n" +
			"failed.",
		Flags: append(objectFlags(), inGroup("Checking",
			switchFlag("create-namespace", "check for an install with --create-namespace"),
			switchFlag("print-role", "print the Role (and ClusterRole) that dindctl needs with these options"),
		)...),
		Action: p.check,
	}
}

func (p *program) check(c *cli.Context) error {
	s := p.session(c)
	options, err := s.objectOptions(c)
	if err != nil {
		return err
	}
	how := lifecycle.InstallOptions{CreateNamespace: s.on("create-namespace")}
	if s.on("print-role") {
		return s.printRole(options, how)
	}
	var checks lifecycle.Checks
	err = s.with(c.Context, func(ctx context.Context, i lifecycle.Instance) (err error) {
		options.Namespace = i.Cluster.Namespace
		checks, err = i.Check(ctx, options, how)
		checks = redactChecks(checks, s.program.secrets)
		return err
	})
	if err != nil {
		return err
	}
	err = s.print(checks, func(out io.Writer) error { return writeChecks(out, s.streams.OutStyle(), checks) })
	if err == nil && !checks.OK {
		return errUnhealthy
	}
	return err
}

func writeChecks(to io.Writer, style terminal.Style, checks lifecycle.Checks) error {
	marks := map[lifecycle.CheckOutcome]string{
		lifecycle.OutcomeOK:      style.Good("✓"),
		lifecycle.OutcomeWarning: style.Warn("!"),
		lifecycle.OutcomeFailed:  style.Bad("✗"),
		lifecycle.OutcomeUnknown: style.Faint("?"),
	}
	var out bytes.Buffer
	for _, result := range checks.Results {
		fmt.Fprintf(&out, "%s %s: %s\n", marks[result.Outcome], result.Name, terminal.Sanitize(result.Reason))
		if result.Hint != "" {
			fmt.Fprintf(&out, "    %s\n", terminal.Sanitize(result.Hint))
		}
	}
	verdict := "Nothing stands in the way of an install."
	if !checks.OK {
		verdict = "An install would fail."
	}
	fmt.Fprintf(&out, "\n%s\n", verdict)
	_, err := out.WriteTo(to)
	return err
}

// printRole prints what an administrator can apply. The namespace is the one
// that is named on the command line, as no cluster is asked.
func (s *session) printRole(options dind.Options, how lifecycle.InstallOptions) error {
	role, clusterRole := lifecycle.Roles(options, how)
	documents := []any{role}
	if clusterRole != nil {
		documents = append(documents, clusterRole)
	}
	for _, copies := range lifecycle.CopyRoles(options) {
		documents = append(documents, copies)
	}
	if s.output == formatJSON {
		return document(s.streams.Out, formatJSON, dind.List{APIVersion: "v1", Kind: "List", Items: documents})
	}
	for _, doc := range documents {
		encoded, err := yaml.Marshal(doc)
		if err != nil {
			return fmt.Errorf("encoding the role: %w", err)
		}
		if err := writeAll(s.streams.Out, append([]byte("---\n"), encoded...)); err != nil {
			return err
		}
	}
	return nil
}
