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
		Usage:     "check whether this cluster and your permissions allow an install; changes nothing",
		UsageText: "dindctl check [options]\ndindctl check --print-role -n ci | kubectl apply -f -",
		Description: "Accepts the options of install, because the checks depend on them. The exit code is 3 if a\n" +
			"check failed.",
		Flags: append(objectFlags(), inGroup("Checking",
			reuseFlag(),
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
	checks, err := with(c.Context, s, func(ctx context.Context, i lifecycle.Instance) (lifecycle.Checks, error) {
		options, err := s.installed(ctx, c, i, options)
		if err != nil {
			return lifecycle.Checks{}, err
		}
		return i.Check(ctx, options, how)
	})
	if err != nil {
		return err
	}
	checks = redactChecks(checks, s.program.secrets)
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
	summary := "Ready to install."
	if !checks.OK {
		summary = "Not ready to install."
	}
	fmt.Fprintf(&out, "\n%s\n", summary)
	_, err := out.WriteTo(to)
	return err
}

// printRole prints the Roles for an administrator to apply. It contacts no
// cluster, so the namespace is that of the command line.
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
