package cli

import (
	"strings"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/progress"
	"github.com/dindctl/dindctl/internal/redact"
)

// What servers, webhooks and daemons say may repeat what they were given. All
// of it that is printed, as text or in a document, goes through here: progress,
// errors, verdicts of checks, problems of the status.

// keepSecret makes the values of these options known as secrets.
func (s *session) keepSecret(env, dockerdArgs []string) {
	s.program.secrets = redact.Of(dind.Options{Env: env, DockerdArgs: dockerdArgs}.Secrets()...)
}

// environment is --env with the values that it takes from the caller's
// environment; a variable that is not set there is a problem of the session's.
func (s *session) environment() []string {
	given := s.list("env")
	env := make([]string, len(given))
	for i, pair := range given {
		env[i] = pair
		if strings.Contains(pair, "=") || !dind.IsVariableName(pair) {
			continue
		}
		value, set := s.program.lookup(pair)
		if !set {
			s.problems = append(s.problems, dind.EnvError(pair, "is not set in this environment", "Export it, or give --env "+dind.ShownName(pair)+"=VALUE."))
		}
		env[i] = pair + "=" + value
	}
	s.keepSecret(env, s.list("dockerd-arg"))
	return env
}

// discreet passes events on without the secrets in them.
type discreet struct {
	progress.Observer
	secrets redact.Values
}

// Observe passes the event on.
func (d discreet) Observe(e progress.Event) {
	e.Detail = d.secrets.In(e.Detail)
	if e.Err != nil {
		e.Err = discreetError{e.Err, d.secrets}
	}
	d.Observer.Observe(e)
}

// discreetError is an error that tells no secrets.
type discreetError struct {
	err     error
	secrets redact.Values
}

func (e discreetError) Error() string { return e.secrets.In(e.err.Error()) }

func (e discreetError) Unwrap() error { return e.err }

// redacted is the failure without secrets. Its objects have none: what could be
// one is never in a change.
func (f failure) redacted(secrets redact.Values) failure {
	f.Message, f.Hint, f.Log = secrets.In(f.Message), secrets.In(f.Hint), secrets.In(f.Log)
	problems := make([]failureProblem, len(f.Problems))
	for i, p := range f.Problems {
		problems[i] = failureProblem{p.Option, secrets.In(p.Value), secrets.In(p.Message), secrets.In(p.Hint)}
	}
	if f.Problems != nil {
		f.Problems = problems
	}
	return f
}

func redactChecks(checks lifecycle.Checks, secrets redact.Values) lifecycle.Checks {
	results := make([]lifecycle.CheckResult, len(checks.Results))
	for i, result := range checks.Results {
		result.Reason, result.Hint = secrets.In(result.Reason), secrets.In(result.Hint)
		results[i] = result
	}
	checks.Results = results
	return checks
}

func redactStatus(status lifecycle.Status, secrets redact.Values) lifecycle.Status {
	problems := make([]lifecycle.Problem, len(status.Problems))
	for i, problem := range status.Problems {
		problem.Message, problem.Hint = secrets.In(problem.Message), secrets.In(problem.Hint)
		problems[i] = problem
	}
	status.Problems = problems
	return status
}
