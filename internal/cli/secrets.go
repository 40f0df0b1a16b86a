package cli

import (
	"strings"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/progress"
	"github.com/dindctl/dindctl/internal/redact"
)

// Messages of servers, webhooks and daemons may repeat the secrets that they
// received. Everything of theirs that is printed, as text or in a document, is
// redacted here: progress, errors, results of checks, problems of the status.

// keepSecret registers the secrets in the values of these options, and --token.
func (s *session) keepSecret(env, dockerdArgs []string) {
	s.program.secrets = redact.Of(append(dind.Options{Env: env, DockerdArgs: dockerdArgs}.Secrets(), s.connection.Token)...)
}

// environment returns the given values of --env, with those of the caller's
// environment filled in. It records a problem for each variable that is not set
// there.
func (s *session) environment(given []string) []string {
	env := make([]string, len(given))
	for i, pair := range given {
		env[i] = pair
		if strings.Contains(pair, "=") || !dind.IsVariableName(pair) {
			continue
		}
		value, set := s.program.lookup(pair)
		if !set {
			s.problems = append(s.problems, dind.EnvError(pair, "is not set in your environment", "Export it, or use --env "+dind.ShownName(pair)+"=VALUE."))
		}
		env[i] = pair + "=" + value
	}
	s.keepSecret(env, s.list("dockerd-arg"))
	return env
}

// redactingObserver passes on events with the secrets removed.
type redactingObserver struct {
	progress.Observer
	program *program
}

// Observe passes on the redacted event.
func (o redactingObserver) Observe(e progress.Event) {
	e.Detail = o.program.secrets.In(e.Detail)
	if e.Err != nil {
		e.Err = redactedError{e.Err, o.program.secrets}
	}
	o.Observer.Observe(e)
}

// redactedError is an error whose message contains no secrets.
type redactedError struct {
	err     error
	secrets redact.Values
}

func (e redactedError) Error() string { return e.secrets.In(e.err.Error()) }

func (e redactedError) Unwrap() error { return e.err }

// redacted returns the failure without secrets. Its objects need no redaction:
// changes never contain values that could be secret.
func (f failure) redacted(secrets redact.Values) failure {
	f.Message, f.Hint, f.Log = secrets.In(f.Message), secrets.In(f.Hint), secrets.In(f.Log)
	f.Problems = redactEach(secrets, f.Problems, func(p *failureProblem) []*string { return []*string{&p.Value, &p.Message, &p.Hint} })
	return f
}

func redactChecks(checks lifecycle.Checks, secrets redact.Values) lifecycle.Checks {
	checks.Results = redactEach(secrets, checks.Results, func(r *lifecycle.CheckResult) []*string { return []*string{&r.Reason, &r.Hint} })
	return checks
}

func redactStatus(status lifecycle.Status, secrets redact.Values) lifecycle.Status {
	status.Problems = redactEach(secrets, status.Problems, func(p *lifecycle.Problem) []*string { return []*string{&p.Message, &p.Hint} })
	for n := range status.Replicas {
		status.Replicas[n] = redactStatus(status.Replicas[n], secrets)
	}
	return status
}

// redactEach returns a copy of the list with the secrets removed from the given
// fields of each element. It is never nil, so that documents have a list.
func redactEach[T any](secrets redact.Values, list []T, fields func(*T) []*string) []T {
	redacted := append([]T{}, list...)
	for i := range redacted {
		for _, field := range fields(&redacted[i]) {
			*field = secrets.In(*field)
		}
	}
	return redacted
}
