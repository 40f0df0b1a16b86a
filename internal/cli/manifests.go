package cli

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/monitoring"
)

func (p *program) manifestsCommand() *cli.Command {
	return &cli.Command{
		Name:      "manifests",
		Usage:     "print the objects that install would apply as YAML, without contacting a cluster",
		UsageText: "dindctl manifests [options]\ndindctl manifests -n ci | kubectl apply --server-side -f -",
		Flags:     objectFlags(),
		Action:    p.manifests,
	}
}

// manifests does not read the kubeconfig, not even for the namespace: the same
// options print the same objects everywhere.
func (p *program) manifests(c *cli.Context) error {
	s := p.session(c)
	options, err := s.objectOptions(c)
	if err != nil {
		return err
	}
	live := dind.Live{Monitoring: true}
	if options.IssuesCertificates() {
		if live.Certificates, err = lifecycle.NewCertificates(options, s.program.now()); err != nil {
			return err
		}
		fmt.Fprintln(s.streams.Err, s.streams.ErrStyle().Warn("Warning:")+" the Secrets contain newly generated private keys: encrypt them before you commit them to a repository.")
	}
	var objects dind.Objects
	for n := range options.ReplicaCount() {
		replica, err := dind.Build(options.Replica(n), live)
		if err != nil {
			return err
		}
		objects = append(objects, replica...)
	}
	if options.Metrics {
		objects = append(objects, monitoring.Objects(options)...)
	}
	if s.output == formatJSON {
		return s.print(objects.List(), nil)
	}
	encoded, err := objects.YAML()
	if err != nil {
		return err
	}
	return writeAll(s.streams.Out, encoded)
}
