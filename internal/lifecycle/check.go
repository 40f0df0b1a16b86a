package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dindctl/dindctl/internal/certs"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/progress"
)

// checkDeadline bounds each check.
const checkDeadline = 10 * time.Second

// CheckOutcome is the outcome of a check.
type CheckOutcome string

// The outcomes. If it is unknown, the reason says why.
const (
	OutcomeOK      CheckOutcome = "ok"
	OutcomeWarning CheckOutcome = "warning"
	OutcomeFailed  CheckOutcome = "failed"
	OutcomeUnknown CheckOutcome = "unknown"
)

// CheckResult is one result of a check.
type CheckResult struct {
	Name    string       `json:"name"`
	Outcome CheckOutcome `json:"verdict"`
	Reason  string       `json:"reason"`
	Hint    string       `json:"hint,omitempty"`
}

// Checks is the result of Check.
type Checks struct {
	Namespace string        `json:"namespace"`
	OK        bool          `json:"ok"` // nothing failed
	Results   []CheckResult `json:"checks"`
}

// CheckFailedError is returned when preflight checks failed. Nothing was changed.
type CheckFailedError struct{ Failed []CheckResult }

func (e *CheckFailedError) Error() string {
	lines := make([]string, len(e.Failed))
	for i, result := range e.Failed {
		lines[i] = result.Name + ": " + result.Reason
	}
	return strings.Join(lines, "; ")
}

// check is one check. It may have several results (one for each missing
// permission), and none if it does not apply.
type check struct {
	name string
	run  func(context.Context, checkInput) []CheckResult
}

// checkInput is what the checks examine.
type checkInput struct {
	Instance
	options dind.Options
	how     InstallOptions
	// objects are what would be applied; none if the claim of --existing-claim, whose
	// size they depend on, does not exist.
	objects dind.Objects
	found   installation
	classes listClasses
}

// preflight returns the checks that ask the cluster, which install runs too. They
// do not depend on each other.
func preflight() []check {
	return []check{
		{"API server", checkVersion},
		{"permissions", checkPermissions},
		{"pod admission", checkAdmission},
		{"prune admission", checkPruneAdmission},
		{"architecture", checkArchitecture},
		{"storage class", checkStorageClass},
		{"claim in use", checkClaimUsers},
		{"local path", checkLocalPath},
		{"node", checkNode},
		{"allowed namespaces", checkCopies},
		{"secrets", checkSecrets},
	}
}

// checks returns all checks, in the order in which they are shown. Install finds
// out by applying what the additional ones check.
func checks() []check {
	return append(preflight(),
		check{"verify admission", checkVerifyAdmission},
		check{"names", checkNames},
		check{"claim", checkClaim},
		check{"network policy", checkNetworkPolicy},
	)
}

// Check finds out, without changing anything, whether the cluster and this user can
// run what the options describe. A failed check is not an error: OK is false then.
// The error is a dind.OptionErrors, a *dind.IncompatibleError, or what the connection
// returns.
func (i Instance) Check(ctx context.Context, options dind.Options, how InstallOptions) (Checks, error) {
	outcome := Checks{Namespace: i.Cluster.Namespace, Results: []CheckResult{}}
	input := checkInput{Instance: i, options: options, how: how, classes: i.storageClasses()}
	var err error
	if options.ReplicaCount() > 1 {
		if _, err = i.surplusReplicas(ctx, options.ReplicaCount()); err != nil && !apierrors.IsForbidden(err) {
			return outcome, err
		}
	}
	// A missing permission to read is a result of the check of permissions.
	if input.found, err = i.readFor(ctx, options); err != nil && !apierrors.IsForbidden(err) {
		return outcome, err
	}
	if options.ExistingClaim == "" || input.found.claim() != nil {
		live, err := i.live(ctx, options, input.found, certs.Renewal{}, input.classes)
		if err != nil {
			return outcome, err
		}
		if input.objects, err = dind.Build(options, live); err != nil {
			return outcome, err
		}
	}
	outcome.Results = runChecks(ctx, checks(), input)
	outcome.OK = len(failedChecks(outcome.Results)) == 0
	return outcome, ctx.Err()
}

// preflight runs the checks that ask the cluster. It reports warnings; a failed
// check is a *CheckFailedError, returned before anything is changed.
func (i Instance) preflight(ctx context.Context, input checkInput) error {
	results := runChecks(ctx, preflight(), input)
	if err := ctx.Err(); err != nil {
		return err
	}
	if failed := failedChecks(results); len(failed) > 0 {
		return &CheckFailedError{Failed: failed}
	}
	for _, result := range results {
		if result.Outcome == OutcomeWarning {
			progress.Warn(i.Observer, result.Name+": "+result.Reason)
		}
	}
	return nil
}

// runChecks runs the checks concurrently and returns their results in order.
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
		if result.Outcome == OutcomeFailed {
			failed = append(failed, result)
		}
	}
	return failed
}

func ok(format string, args ...any) []CheckResult {
	return []CheckResult{{Outcome: OutcomeOK, Reason: fmt.Sprintf(format, args...)}}
}

func failed(hint, format string, args ...any) []CheckResult {
	return []CheckResult{{Outcome: OutcomeFailed, Reason: fmt.Sprintf(format, args...), Hint: hint}}
}

func warning(hint, format string, args ...any) []CheckResult {
	return []CheckResult{{Outcome: OutcomeWarning, Reason: fmt.Sprintf(format, args...), Hint: hint}}
}

// unknown returns the result of a check that got no answer.
func unknown(err error) []CheckResult {
	reason := "unknown: " + err.Error()
	if errors.Is(err, context.DeadlineExceeded) {
		reason = fmt.Sprintf("unknown: no answer within %s", checkDeadline)
	}
	return []CheckResult{{Outcome: OutcomeUnknown, Reason: reason}}
}
