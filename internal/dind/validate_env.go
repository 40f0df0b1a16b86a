package dind

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/dindctl/dindctl/internal/redact"
)

// reservedEnv are variables that dindctl or the image gives a meaning which
// the rest of the installation depends on.
var reservedEnv = map[string]string{
	"DOCKER_TLS_CERTDIR": "decides whether the daemon speaks TLS, which Service, probes and jobs must agree with",
	"DOCKER_HOST":        "moves the daemon's socket, where the probes would not find it",
	"DOCKER_TLS":         "changes how the probes ask the daemon",
	"DOCKER_TLS_VERIFY":  "changes how the probes ask the daemon",
	"DOCKER_CERT_PATH":   "changes how the probes ask the daemon",
}

func (o Options) checkEnv(ps *Problems) {
	const option = "--env"
	seen := map[string]bool{}
	for _, pair := range o.Env {
		name, value, ok := strings.Cut(pair, "=")
		shown := ShownName(name)
		switch {
		case !ok:
			ps.add(option, shown, "has no value", "Give it as KEY=VALUE; KEY= sets it empty.")
		case !IsVariableName(name):
			ps.add(option, shown, "is not the name of an environment variable",
				"Use letters, digits and underscores, with no digit first.")
		case strings.ContainsRune(value, 0):
			ps.add(option, shown, "has a zero byte in its value", "Remove it.")
		case !utf8.ValidString(value):
			ps.add(option, shown, "has a value that is not UTF-8", "Kubernetes would replace what is not; write it in UTF-8.")
		case reservedEnv[name] != "":
			ps.add(option, shown, reservedEnv[name], "Leave it out.")
		case name == "DOCKER_DRIVER" && o.StorageDriver != "":
			ps.add(option, shown, "is what --storage-driver sets", "Leave one of the two out.")
		case seen[name]:
			ps.add(option, shown, "is given more than once", "Keep one of them.")
		}
		seen[name] = true
	}
}

// namePattern are names as people give them to variables. What else stands where
// a name should be may be a password that lost its name, and is not repeated.
var namePattern = regexp.MustCompile(`^([A-Z0-9_.-]+|[a-z_.-]+)$`)

// ShownName is the name of a variable as it may be shown.
func ShownName(name string) string {
	if namePattern.MatchString(name) {
		return name
	}
	return redact.Hidden
}

// IsVariableName tells whether a variable can have the name.
func IsVariableName(name string) bool { return len(validation.IsCIdentifier(name)) == 0 }

// EnvProblem is something wrong with a variable of --env.
func EnvProblem(name, reason, hint string) *Problem {
	return &Problem{Option: "--env", Value: ShownName(name), Reason: reason, Hint: hint}
}

// ReservedEnv tells why a variable is not the user's to set; "" if it is.
func ReservedEnv(name string) string { return reservedEnv[name] }

// Secrets are the values among the options that may be secrets. They are never
// to be shown. (Of an address only the login is one, see redact.URLs.)
func (o Options) Secrets() []string {
	var values []string
	for _, pair := range slices.Concat(o.Env, o.DockerdArgs) {
		_, value, _ := strings.Cut(pair, "=")
		values = append(values, value)
	}
	return values
}
