package dind

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/dindctl/dindctl/internal/redact"
)

// MinAPIVariable is the variable of the daemon that sets the lowest API version that it
// accepts.
const MinAPIVariable = "DOCKER_MIN_API_VERSION"

// reservedEnv are variables that cannot be set, because the other objects depend on
// them, each with the reason.
var reservedEnv = map[string]string{
	"DOCKER_TLS_CERTDIR": "is set by --tls",
	"DOCKER_HOST":        "changes the address that the probes use",
	"DOCKER_TLS":         "changes how the probes connect to the daemon",
	"DOCKER_TLS_VERIFY":  "changes how the probes connect to the daemon",
	"DOCKER_CERT_PATH":   "changes how the probes connect to the daemon",
	publishVariable:      "is set by --publish-ports",
	nodeAddressEnv:       "is set by dindctl",
}

func (o Options) checkEnv(errs *OptionErrors) {
	const option = "--env"
	seen := map[string]bool{}
	for _, pair := range o.Env {
		name, value, ok := strings.Cut(pair, "=")
		shown := ShownName(name)
		switch {
		case !ok:
			errs.add(option, shown, "has no value", "Use KEY=VALUE; KEY= sets an empty value.")
		case !IsVariableName(name):
			errs.add(option, shown, "is not a valid variable name", "Use letters, digits and underscores, not starting with a digit.")
		case strings.ContainsRune(value, 0):
			errs.add(option, shown, "has a null byte in its value", "Remove it.")
		case !utf8.ValidString(value):
			errs.add(option, shown, "has a value that is not valid UTF-8", useUTF8)
		case reservedEnv[name] != "":
			errs.add(option, shown, reservedEnv[name], omitIt)
		case name == "DOCKER_DRIVER" && o.StorageDriver != "":
			errs.add(option, shown, "conflicts with --storage-driver", omitOne)
		case seen[name]:
			errs.add(option, shown, "is set more than once", "Keep one of them.")
		}
		seen[name] = true
	}
}

// namePattern matches usual variable names. Anything else may be a password that was
// given without a name.
var namePattern = regexp.MustCompile(`^([A-Z0-9_.-]+|[a-z_.-]+)$`)

// ShownName returns the name of a variable for output, hidden if it may be a secret.
func ShownName(name string) string {
	if namePattern.MatchString(name) {
		return name
	}
	return redact.Hidden
}

// IsVariableName reports whether name is a valid variable name.
func IsVariableName(name string) bool { return len(validation.IsCIdentifier(name)) == 0 }

// EnvError returns an error in a variable of --env.
func EnvError(name, reason, hint string) *OptionError {
	return &OptionError{Option: "--env", Value: ShownName(name), Reason: reason, Hint: hint}
}

// ReservedEnv returns the reason why a variable cannot be set, or "".
func ReservedEnv(name string) string { return reservedEnv[name] }

// Secrets returns the values in the options that may be secrets and must not be shown.
// For logins in addresses see redact.URLs.
func (o Options) Secrets() []string {
	var values []string
	for _, pair := range o.Env {
		_, value, _ := strings.Cut(pair, "=")
		values = append(values, value)
	}
	for _, arg := range o.DockerdArgs {
		values = append(values, redact.FlagSecrets(arg)...)
	}
	return values
}

var flagPattern = regexp.MustCompile(`^(-[a-zA-Z]|--[a-z0-9-]+|--?)$`)

// rejectedArgs are daemon flags that break what the other objects rely on, each with
// a hint. Short flags have one dash.
var rejectedArgs = map[string]string{
	"--config-file":       "The configuration is daemon.json in the ConfigMap.",
	"--registry-mirror":   "Use dindctl's --registry-mirror: the daemon rejects a setting that is both a flag and in daemon.json.",
	"--insecure-registry": "Use dindctl's --insecure-registry: the daemon rejects a setting that is both a flag and in daemon.json.",

	"-H": hostHint, "--host": hostHint,
	"-g": dataRootHint, "--graph": dataRootHint, "--data-root": dataRootHint,
	"-h": exitHint, "--help": exitHint, "-v": exitHint, "--version": exitHint, "--validate": exitHint,
}

const (
	hostHint     = "The Service and the probes expect the daemon's default addresses."
	dataRootHint = "The data root is " + DataRoot + ", where the volume is mounted."
	exitHint     = "With this flag the daemon exits."
)

// argName returns the flag without its value: "--mtu" for "--mtu=1400".
func argName(arg string) string {
	// "-D" takes no value: pflag parses "-DHtcp://…" as "-D" and "-Htcp://…".
	for len(arg) > 2 && strings.HasPrefix(arg, "-D") && arg[2] != '=' {
		arg = "-" + arg[2:]
	}
	if !strings.HasPrefix(arg, "--") && len(arg) > 2 {
		// pflag parses "-Htcp://…" and "-H=tcp://…" as "-H" with a value.
		return arg[:2]
	}
	name, _, _ := strings.Cut(arg, "=")
	return name
}

func (o Options) checkDockerdArgs(errs *OptionErrors) {
	const option = "--dockerd-arg"
	for _, arg := range o.DockerdArgs {
		name := argName(arg)
		hint, rejected := rejectedArgs[name]
		// Hide what may be a password: the value, and anything that is not a flag.
		shown := redact.Hidden
		if flagPattern.MatchString(name) {
			shown = name
		}
		switch {
		case !utf8.ValidString(arg):
			errs.add(option, shown, "is not valid UTF-8", useUTF8)
		case !strings.HasPrefix(arg, "-") || arg == "-" || arg == "--":
			// The image's entrypoint adds its flags only if all arguments are flags.
			errs.add(option, shown, "is not a flag", "Use --flag or --flag=value.")
		case strings.HasPrefix(name, "--tls"):
			errs.add(option, shown, "changes how clients connect to the daemon", omitIt)
		case rejected:
			errs.add(option, shown, "cannot be set here", hint)
		case len(o.AddressPools) > 0 && name == poolFlag:
			errs.add(option, shown, "conflicts with --address-pool", omitOne)
		case o.StorageDriver != "" && (name == "--storage-driver" || name == "-s"):
			errs.add(option, shown, "conflicts with --storage-driver", omitOne)
		}
	}
}

// hasArg reports whether DockerdArgs contain one of the flags.
func (o Options) hasArg(names ...string) bool {
	return slices.ContainsFunc(o.DockerdArgs, func(arg string) bool { return slices.Contains(names, argName(arg)) })
}
