package dind

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/dindctl/dindctl/internal/redact"
)

var flagPattern = regexp.MustCompile(`^(-[a-zA-Z]|--[a-z0-9-]+|--?)$`)

// refusedArgs are daemon flags that break what the other objects rely on, each
// with what to do instead. Short flags have one dash.
var refusedArgs = map[string]string{
	"-H":                  "The daemon listens where the Service and the probes expect it.",
	"--host":              "The daemon listens where the Service and the probes expect it.",
	"-g":                  "The data root is " + DataRoot + ", where the volume is mounted.",
	"--graph":             "The data root is " + DataRoot + ", where the volume is mounted.",
	"--data-root":         "The data root is " + DataRoot + ", where the volume is mounted.",
	"--config-file":       "The configuration is /etc/docker/daemon.json, from the ConfigMap.",
	"--registry-mirror":   "Use dindctl's own --registry-mirror: the daemon refuses a setting that is both flag and in daemon.json.",
	"--insecure-registry": "Use dindctl's own --insecure-registry: the daemon refuses a setting that is both flag and in daemon.json.",
	"-h":                  "It makes the daemon print its help and exit.",
	"--help":              "It makes the daemon print its help and exit.",
	"-v":                  "It makes the daemon print its version and exit.",
	"--version":           "It makes the daemon print its version and exit.",
	"--validate":          "It makes the daemon check its configuration and exit.",
}

// argName is the flag without its value: "--mtu=1400" is "--mtu".
func argName(arg string) string {
	if !strings.HasPrefix(arg, "--") && len(arg) > 2 {
		// pflag reads "-Htcp://…" and "-H=tcp://…" as "-H" and its value.
		return arg[:2]
	}
	name, _, _ := strings.Cut(arg, "=")
	return name
}

func (o Options) checkDockerdArgs(ps *Problems) {
	const option = "--dockerd-arg"
	for _, arg := range o.DockerdArgs {
		name := argName(arg)
		hint, refused := refusedArgs[name]
		// The value may be a password, and so may be what is no flag.
		shown := redact.Hidden
		if flagPattern.MatchString(name) {
			shown = name
		}
		switch {
		case !utf8.ValidString(arg):
			ps.add(option, shown, "is not UTF-8", "Kubernetes would replace what is not; write it in UTF-8.")
		case !strings.HasPrefix(arg, "-") || arg == "-" || arg == "--":
			// The image's entrypoint adds its flags only if all that it gets
			// are flags, so a value must stand in the same argument.
			ps.add(option, shown, "is not a flag of the daemon", "Begin it with a dash, and give flag and value as one: --flag=value.")
		case strings.HasPrefix(name, "--tls"):
			ps.add(option, shown, "would change how clients reach the daemon", "Leave it out.")
		case refused:
			ps.add(option, shown, "is not the user's to set", hint)
		case o.StorageDriver != "" && (name == "--storage-driver" || name == "-s"):
			// DOCKER_DRIVER, which --storage-driver sets, wins over the flag.
			ps.add(option, shown, "is what --storage-driver sets", "Leave one of the two out.")
		}
	}
}

// hasArg tells whether the user gave the daemon one of the flags.
func (o Options) hasArg(names ...string) bool {
	for _, arg := range o.DockerdArgs {
		for _, name := range names {
			if argName(arg) == name {
				return true
			}
		}
	}
	return false
}
