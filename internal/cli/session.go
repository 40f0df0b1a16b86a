package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/progress"
	"github.com/dindctl/dindctl/internal/terminal"
)

const defaultTimeout = 5 * time.Minute

// session holds the values of the options that all commands share.
type session struct {
	values
	program    *program
	connection kube.Connection
	cluster    *kube.Cluster     // nil until connect
	observer   progress.Observer // of the work that is being done; nil if there is none
	name       string
	alone      bool // with --replica, which name is then the name of
	timeout    time.Duration
	output     format
	mode       terminal.Mode
	streams    terminal.Streams
	problemList
}

func (p *program) session(c *cli.Context) *session {
	v := values{context: c, getenv: p.getenv}
	s := &session{
		values: v, program: p, streams: p.streams, problemList: problemList{slices.Clone(p.scanned)},
		name: v.text("name", dind.DefaultName),
		connection: kube.Connection{
			Kubeconfig: v.text("kubeconfig", ""),
			Context:    v.text("context", ""),
			Namespace:  v.text("namespace", ""),
			As:         v.text("as", ""),
			AsUID:      v.text("as-uid", ""),
			AsGroups:   v.list("as-group"),
			Cluster:    v.text("cluster", ""), User: v.text("user", ""),
			Server: v.text("server", ""), TLSServerName: v.text("tls-server-name", ""), Token: v.text("token", ""),
			CertificateAuthority: v.text("certificate-authority", ""), InsecureSkipTLSVerify: v.on("insecure-skip-tls-verify"),
			ClientCertificate: v.text("client-certificate", ""), ClientKey: v.text("client-key", ""),
			RequestTimeout:           v.text("request-timeout", ""),
			WithoutForwardWebsockets: strings.EqualFold(p.getenv("KUBECTL_PORT_FORWARD_WEBSOCKETS"), "false"),
			WithoutExecWebsockets:    strings.EqualFold(p.getenv("KUBECTL_REMOTE_COMMAND_WEBSOCKETS"), "false"),
			UserAgent:                "dindctl/" + Version(),
		},
	}
	if flagNamed(c.Command.Flags, "replica") != nil {
		s.parseReplica(v.text("replica", ""))
	}
	s.checkSwitches(c.Command.Flags)
	s.readOptionsFile(c.Command.Flags)
	s.keepSecret(s.list("env"), s.list("dockerd-arg"))
	if v.on("no-color") {
		s.streams = s.streams.WithoutColor()
	}
	switch {
	case v.on("quiet"):
		s.mode = terminal.Quiet
	case v.on("verbose"):
		s.mode, p.verbose = terminal.Verbose, true
		s.connection.Warn = s.warnOfServer
	}
	s.parseTimeout(v.text("timeout", ""))
	if _, err := clientcmd.ParseTimeout(s.connection.RequestTimeout); s.connection.RequestTimeout != "" && err != nil {
		s.problem("--request-timeout", s.connection.RequestTimeout, "must be a duration", "For example, 10s.")
	}
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
		s.problem("--timeout", given, "must be a positive duration", "For example, 90s or 10m.")
		return
	}
	s.timeout = d
}

func (s *session) parseOutput(given string) {
	s.output = format(given)
	if formats := s.formats(); !slices.Contains(formats, given) {
		s.problem("--output", given, "unknown format", "Use one of "+strings.Join(formats, ", ")+".")
		s.output = formatText
	}
}

// formats returns the output formats of the command.
func (s *session) formats() []string {
	formats := []string{string(formatText), string(formatJSON), string(formatYAML)}
	if s.context.Command.Name == "status" {
		formats = append(formats, string(formatPrometheus))
	}
	return formats
}

// usageError returns all recorded problems as an error, or nil if there are
// none.
func (s *session) usageError(c *cli.Context) error {
	if len(s.problems) == 0 {
		return nil
	}
	return newUsageError(c, s.problems)
}

// validate checks the name and the namespace of the installation. The error
// includes all problems recorded before.
func (s *session) validate(c *cli.Context) error {
	options := dind.Defaults()
	options.Name, options.Namespace = s.name, s.namespaceToCheck()
	s.addProblems(options.Validate())
	return s.usageError(c)
}

// namespaceToCheck returns the namespace to validate. The context's namespace
// is unknown until the kubeconfig is read, and valid if it exists in the
// cluster; the default namespace stands in for it.
func (s *session) namespaceToCheck() string {
	if s.connection.Namespace != "" {
		return s.connection.Namespace
	}
	return dind.DefaultNamespace
}

// connect connects to the cluster. A command has one connection: while it asks or
// watches, the kubeconfig may change, and its next request must not go to another
// cluster.
func (s *session) connect(ctx context.Context) error {
	if s.cluster != nil {
		return nil
	}
	connected, err := s.program.connect(s.connection)
	if err == nil {
		s.cluster = connected
		if s.streams.ErrTerminal {
			connected.Login(ctx)
		}
	}
	return err
}

// warnOfServer reports a warning of the API server.
func (s *session) warnOfServer(text string) {
	if s.observer != nil {
		progress.Warn(s.observer, "API server: "+text)
	}
}

// with connects to the cluster, if the command has not yet, and runs work on the
// installation, within the timeout. The renderer is closed when it returns, so that the
// result can be printed.
func with[T any](ctx context.Context, s *session, work func(context.Context, lifecycle.Instance) (T, error)) (result T, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.timeout, timeoutError(s.timeout))
	defer cancel()
	// Before the renderer, because the login may ask on the terminal.
	if err := s.connect(ctx); err != nil {
		return result, err
	}
	renderer := terminal.New(s.streams, s.mode)
	defer renderer.Close()
	s.observer = redactingObserver{renderer, s.program}
	result, err = work(ctx, lifecycle.Instance{
		Cluster: s.cluster, Name: s.name, Alone: s.alone, Observer: s.observer, Connect: s.program.daemon, Now: s.program.now,
	})
	if err != nil {
		err = &endedError{ended: ctx.Err(), cause: context.Cause(ctx), err: err}
	}
	return result, err
}

// timeoutError is the cause of a context that --timeout ended. The HTTP client
// returns the cause instead of the context's own error, so timeoutError has to
// match context.DeadlineExceeded.
type timeoutError time.Duration

func (e timeoutError) Error() string { return "timeout of " + time.Duration(e).String() }

// Is reports whether target is context.DeadlineExceeded.
func (e timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// Timeout makes it a timeout in the sense of net.Error.
func (e timeoutError) Timeout() bool { return true }

// jobLog returns a function that prints the lines of a Job's log while it runs,
// or nil without -v.
func (s *session) jobLog(to progress.Observer) func(string) {
	if s.mode != terminal.Verbose {
		return nil
	}
	return func(line string) { progress.Inform(to, line) }
}
