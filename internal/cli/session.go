package cli

import (
	"context"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/progress"
	"github.com/dindctl/dindctl/internal/terminal"
)

const defaultTimeout = 5 * time.Minute

// session is what the options common to all commands amount to.
type session struct {
	values
	program    *program
	connection kube.Connection
	name       string
	timeout    time.Duration
	output     format
	mode       terminal.Mode
	streams    terminal.Streams
	problems   dind.OptionErrors
}

func (p *program) session(c *cli.Context) *session {
	v := values{context: c, getenv: p.getenv}
	s := &session{
		values: v, program: p, streams: p.streams, problems: slices.Clone(p.scanned),
		name: v.text("name", dind.DefaultName),
		connection: kube.Connection{
			Kubeconfig: v.text("kubeconfig", ""),
			Context:    v.text("context", ""),
			Namespace:  v.text("namespace", ""),
			As:         v.text("as", ""),
			AsGroups:   v.list("as-group"),
			UserAgent:  "dindctl/" + Version(),
		},
	}
	s.keepSecret(v.list("env"), v.list("dockerd-arg"))
	if v.on("no-color") {
		s.streams = s.streams.WithoutColor()
	}
	switch {
	case v.on("quiet"):
		s.mode = terminal.Quiet
	case v.on("verbose"):
		s.mode = terminal.Verbose
	}
	s.parseTimeout(v.text("timeout", ""))
	s.parseOutput(v.text("output", string(formatText)))
	return s
}

func (s *session) parseTimeout(given string) {
	s.timeout = defaultTimeout
	if given == "" {
		return
	}
	d, err := time.ParseDuration(given)
	if err != nil || d <= 0 {
		s.problems = append(s.problems, &dind.OptionError{
			Option: "--timeout", Value: given, Reason: "not a positive duration", Hint: "for example 90s or 10m",
		})
		return
	}
	s.timeout = d
}

func (s *session) parseOutput(given string) {
	s.output = format(given)
	switch s.output {
	case formatText, formatJSON, formatYAML:
	default:
		s.problems = append(s.problems, &dind.OptionError{
			Option: "--output", Value: given, Reason: "no such format", Hint: "one of text, json, yaml",
		})
		s.output = formatText
	}
}

// checked returns all problems found so far and those of the instance's name
// and namespace, as a usage error; nil if there are none.
func (s *session) checked(c *cli.Context) error {
	options := dind.Defaults()
	options.Name, options.Namespace = s.name, s.namespaceToCheck()
	problems, err := collect(s.problems, options.Validate())
	if err != nil {
		return err
	}
	return s.refuse(c, problems)
}

func (s *session) refuse(c *cli.Context, problems dind.OptionErrors) error {
	if len(problems) == 0 {
		return nil
	}
	return misused(c, problems...)
}

// namespaceToCheck stands in for the context's namespace, which is not known
// before the kubeconfig is read and is valid if the cluster has it.
func (s *session) namespaceToCheck() string {
	if s.connection.Namespace != "" {
		return s.connection.Namespace
	}
	return dind.DefaultNamespace
}

// with connects and does the work on the installation, within the timeout. When
// it returns, nothing is being drawn any more and the result can be printed.
func (s *session) with(ctx context.Context, work func(context.Context, lifecycle.Instance) error) error {
	connected, err := s.program.connect(s.connection)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.timeout, timeoutError(s.timeout))
	defer cancel()
	renderer := terminal.New(s.streams, s.mode)
	defer renderer.Close()
	err = work(ctx, lifecycle.Instance{
		Cluster: connected, Name: s.name, Observer: discreet{renderer, s.program.secrets},
		Connect: s.program.daemon, Now: s.program.now,
	})
	if err != nil {
		return &endedError{ended: ctx.Err(), cause: context.Cause(ctx), err: err}
	}
	return nil
}

// timeoutError is the cause of a context that --timeout ended. The HTTP client
// gives the cause and not the context's own error, so it has to pass for that.
type timeoutError time.Duration

func (e timeoutError) Error() string { return "timeout of " + time.Duration(e).String() }

// Is makes it a context.DeadlineExceeded.
func (e timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// Timeout makes it a net.Error's timeout.
func (e timeoutError) Timeout() bool { return true }

// jobLog is where the lines of a Job's log go as they are written: to the
// observer with -v, nowhere (nil) otherwise.
func (s *session) jobLog(to progress.Observer) func(string) {
	if s.mode != terminal.Verbose {
		return nil
	}
	return func(line string) { progress.Inform(to, line) }
}
