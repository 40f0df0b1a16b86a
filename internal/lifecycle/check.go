package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dindctl/dindctl/internal/cluster"
	"github.com/dindctl/dindctl/internal/dind"
)

// checkDeadline ends a check that gets no answer: none may hang.
const checkDeadline = 10 * time.Second

// Verdict is what a check came to.
type Verdict string

// The verdicts. Unknown is "could not tell": what it would take to know is in
// the reason.
const (
	VerdictOK      Verdict = "ok"
	VerdictWarning Verdict = "warning"
	VerdictFailed  Verdict = "failed"
	VerdictUnknown Verdict = "unknown"
)

// CheckResult is one answer of a preflight check.
type CheckResult struct {
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	Reason  string  `json:"reason"`
	Hint    string  `json:"hint,omitempty"`
}

// Checks is the outcome of Check.
type Checks struct {
	Namespace string        `json:"namespace"`
	OK        bool          `json:"ok"` // nothing failed
	Results   []CheckResult `json:"checks"`
}

// CheckFailedError says which preflight checks failed. Nothing was changed.
type CheckFailedError struct{ Failed []CheckResult }

func (e *CheckFailedError) Error() string {
	lines := make([]string, len(e.Failed))
	for i, result := range e.Failed {
		lines[i] = result.Name + ": " + result.Reason
	}
	return strings.Join(lines, "; ")
}

// check is one preflight check. It may give several results (one for each
// missing permission), and none where it does not apply.
type check struct {
	name string
	run  func(context.Context, checkInput) []CheckResult
}

// checkInput is what the checks look at.
type checkInput struct {
	Instance
	options dind.Options
	how     InstallOptions
	// objects are what would be applied; none where --existing-claim does not
	// exist, from whose size they follow.
	objects dind.Objects
	found   cluster.Inventory
}

// preflight are the checks that ask the cluster; install runs them too. They do
// not depend on each other.
func preflight() []check {
	return []check{
		{"API server", checkVersion},
		{"permissions", checkPermissions},
		{"pod admission", checkAdmission},
		{"storage class", checkStorageClass},
		{"node", checkNode},
		{"allowed namespaces", checkCopies},
		{"secrets", checkSecrets},
	}
}

// checks are all checks, in the order they are shown in. The ones that install
// does not run are decided there by what it applies.
func checks() []check {
	return append(preflight(),
		check{"names", checkNames},
		check{"claim", checkClaim},
		check{"network policy", checkNetworkPolicy},
	)
}

// Check finds out whether the cluster and this user can run what the options
// ask for, without changing anything. A failed check is not an error: OK is
// false then. The error is dind.Problems, a *dind.MisfitError, or what the connection gives.
func (i Instance) Check(ctx context.Context, options dind.Options, how InstallOptions) (Checks, error) {
	outcome := Checks{Namespace: i.Cluster.Namespace, Results: []CheckResult{}}
	input := checkInput{Instance: i, options: options, how: how}
	found, err := i.Cluster.Read(ctx, i.installNames(options))
	switch {
	case apierrors.IsForbidden(err):
		// The permissions check names what is missing.
	case err != nil:
		return outcome, err
	}
	input.found = found
	if options.ExistingClaim == "" || found.Claim != nil {
		if input.objects, err = dind.Build(options, dind.Live{
			Claim: found.Claim, Deployment: found.Deployment, Service: found.Service,
			StorageDriver: i.liveDriver(ctx, options, found),
		}); err != nil {
			return outcome, err
		}
	}
	outcome.Results = runChecks(ctx, checks(), input)
	outcome.OK = len(failedChecks(outcome.Results)) == 0
	return outcome, ctx.Err()
}

// runChecks runs the checks at once and gives their results in order.
func runChecks(ctx context.Context, list []check, input checkInput) []CheckResult {
	results := make([][]CheckResult, len(list))
	var running sync.WaitGroup
	for n, c := range list {
		running.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, checkDeadline)
			defer cancel()
			results[n] = c.run(ctx, input)
			for k := range results[n] {
				results[n][k].Name = c.name
			}
		})
	}
	running.Wait()
	var all []CheckResult
	for _, some := range results {
		all = append(all, some...)
	}
	return all
}

func failedChecks(results []CheckResult) []CheckResult {
	var failed []CheckResult
	for _, result := range results {
		if result.Verdict == VerdictFailed {
			failed = append(failed, result)
		}
	}
	return failed
}

func ok(format string, args ...any) []CheckResult {
	return []CheckResult{{Verdict: VerdictOK, Reason: fmt.Sprintf(format, args...)}}
}

func failed(hint, format string, args ...any) []CheckResult {
	return []CheckResult{{Verdict: VerdictFailed, Reason: fmt.Sprintf(format, args...), Hint: hint}}
}

func warning(hint, format string, args ...any) []CheckResult {
	return []CheckResult{{Verdict: VerdictWarning, Reason: fmt.Sprintf(format, args...), Hint: hint}}
}

// unknown is the result of a check that got no answer.
func unknown(err error) []CheckResult {
	reason := "could not tell: " + err.Error()
	if errors.Is(err, context.DeadlineExceeded) {
		reason = fmt.Sprintf("could not tell: no answer within %s", checkDeadline)
	}
	return []CheckResult{{Verdict: VerdictUnknown, Reason: reason}}
}
