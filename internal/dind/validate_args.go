package dind

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dindctl/dindctl/internal/redact"
)

var flagPattern = regexp.MustCompile(`^(-[a-zA-Z]|--[a-z0-9-]+|--?)$`)

// rejectedArgs are daemon flags that break what the other objects rely on, each with
// a hint. Short flags have one dash.
var rejectedArgs = map[string]string{
	"-H": hostHint, "--host": hostHint,
	"-g": dataRootHint, "--graph": dataRootHint, "--data-root": dataRootHint,
	"--config-file":       "The configuration is /etc/docker/daemon.json, from the ConfigMap.",
	"--registry-mirror":   "Use dindctl's --registry-mirror: the daemon rejects a setting that is both a flag and in daemon.json.",
	"--insecure-registry": "Use dindctl's --insecure-registry: the daemon rejects a setting that is both a flag and in daemon.json.",
	"-h":                  exitHint, "--help": exitHint, "-v": exitHint, "--version": exitHint, "--validate": exitHint,
}

const (
	hostHint     = "The Service and the probes expect the daemon's default addresses."
	dataRootHint = "The data root is " + DataRoot + ", where the volume is mounted."
	exitHint     = "With this flag the daemon exits."
)

// argName returns the flag without its value: "--mtu" for "--mtu=1400".
func argName(arg string) string {
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
		case o.StorageDriver != "" && (name == "--storage-driver" || name == "-s"):
			errs.add(option, shown, "conflicts with --storage-driver", omitOne)
		}
	}
}

// hasArg reports whether DockerdArgs contain one of the flags.
func (o Options) hasArg(names ...string) bool {
	return slices.ContainsFunc(o.DockerdArgs, func(arg string) bool { return slices.Contains(names, argName(arg)) })
}
