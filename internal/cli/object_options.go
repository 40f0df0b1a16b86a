package cli

import (
	"context"
	"errors"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/progress"
)

// reuseFlag returns the option of the commands that can read the installation.
func reuseFlag() *cli.BoolFlag {
	return switchFlag("reuse-options", "begin with the options of the last install, and change only those that are given")
}

// objectOptions reads and validates the options that shape the objects. The error
// lists everything that is wrong with the command line. With --reuse-options, the rest
// of the options comes from the cluster: see installed.
func (s *session) objectOptions(c *cli.Context) (dind.Options, error) {
	options := s.over(dind.Defaults())
	checked := options
	if s.on("reuse-options") && (options.LocalPath == "") != (options.LocalNode == "") {
		// The installation may have the other one.
		checked.LocalPath, checked.LocalNode = "", ""
	}
	s.addProblems(checked.Validate())
	if !s.on("reuse-options") {
		s.checkRotation(options)
	}
	return options, s.usageError(c)
}

// checkRotation records a problem if certificates are to be rotated that dindctl does
// not issue.
func (s *session) checkRotation(options dind.Options) {
	if s.on("rotate-certs") && !options.IssuesCertificates() {
		s.problem("--rotate-certs", "", "has no certificates to rotate", "Use --tls; who issues the certificates of --tls-secret also renews them.")
	}
}

// over returns the options with those that were given in place of base's.
func (s *session) over(base dind.Options) dind.Options {
	options := base
	options.Namespace, options.Name = s.namespaceToCheck(), s.name
	for _, row := range dind.Table() {
		if !s.given(row.Name) {
			continue
		}
		switch field := row.Field(&options).(type) {
		case *string:
			*field = s.text(row.Name, "")
		case *[]string:
			*field = s.list(row.Name)
			if s.on("reuse-options") && slices.Equal(*field, []string{""}) {
				*field = nil // --allow-namespace "" is how to give none
			}
		case *bool:
			*field = s.on(row.Name)
		}
	}
	if s.given("env") {
		options.Env = s.environment(options.Env)
	}
	if s.given("registry-ca") {
		options.RegistryCAs = s.authorities(options.RegistryCAs)
	}
	if s.given("affinity") {
		options.Affinity = s.affinity(options.Affinity)
	}
	options.NoTLS = s.off("tls")
	if options.ExistingClaim != base.ExistingClaim {
		// Those of the claim that was used before do not apply.
		if !s.given("storage-size") {
			options.StorageSize = ""
		}
		if !s.given("storage-class") {
			options.StorageClass = ""
		}
	}
	return options
}

// installed completes the options with what only the cluster knows: the namespace, with
// --reuse-options the options of the last install, and hidden values in a file. The
// error is a usage error or that of lifecycle.Instance.Options.
func (s *session) installed(ctx context.Context, c *cli.Context, i lifecycle.Instance, given dind.Options) (dind.Options, error) {
	options := given
	reuse := s.on("reuse-options")
	if reuse || given.HasHidden() {
		last, err := i.Options(ctx)
		var missing *lifecycle.NotInstalledError
		switch {
		case errors.As(err, &missing):
			if reuse {
				progress.Inform(i.Observer, missing.Error()+": there are no options to reuse")
			}
		case err != nil:
			return options, err
		case reuse:
			options = s.over(last)
		}
		options = options.WithHidden(last)
		s.keepSecret(options.Env, options.DockerdArgs)
	}
	options.Namespace = i.Cluster.Namespace
	s.addProblems(options.Validate())
	s.checkRotation(options)
	return options, s.usageError(c)
}
