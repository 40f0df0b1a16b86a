package cli

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// connectionFlags returns the options that are accepted before and after the
// command's name. session applies their defaults: if they were set here, the
// library would let the inner flag's default override the outer flag's value.
func connectionFlags() []cli.Flag {
	return append(inGroup(common,
		text("kubeconfig", "path of the kubeconfig file (default: $KUBECONFIG, then ~/.kube/config)", "PATH"),
		text("context", "kubeconfig context to use", "NAME"),
		aliased(text("namespace", "namespace of the installation (default: the context's namespace)", "NAME"), "n"),
		text("name", "name of the installation (default: docker-dind)", "NAME"),
		text("timeout", "maximum duration of the whole command (default: 5m)", "DURATION"),
		aliased(text("output", "output format: text, json or yaml, for status also prometheus (default: text)", "FORMAT"), "o"),
		switchFlag("quiet", "print only results, warnings and errors", "q"),
		switchFlag("verbose", "print every step on a separate line", "v"),
		switchFlag("no-color", "print without colors"),
	), inGroup("Connection, as in kubectl",
		text("as", "user to impersonate", "USER"),
		text("as-uid", "UID to impersonate", "UID"),
		list("as-group", "group to impersonate", "GROUP"),
		text("cluster", "cluster of the kubeconfig to use", "NAME"),
		text("user", "user of the kubeconfig to use", "NAME"),
		aliased(text("server", "address of the API server", "URL"), "s"),
		text("tls-server-name", "name that the API server's certificate must have", "NAME"),
		text("certificate-authority", "certificate of the API server's authority", "FILE"),
		switchFlag("insecure-skip-tls-verify", "do not verify the API server's certificate"),
		text("client-certificate", "client certificate for the API server", "FILE"),
		text("client-key", "key of --client-certificate", "FILE"),
		text("token", "bearer token for the API server", "TOKEN"),
		text("request-timeout", "maximum duration of one request (default: none)", "DURATION"),
	)...)
}

func text(name, usage, value string) *cli.StringFlag {
	return &cli.StringFlag{Name: name, Usage: "`" + value + "`: " + usage}
}

func aliased(flag *cli.StringFlag, alias string) *cli.StringFlag {
	flag.Aliases = []string{alias}
	return flag
}

func list(name, usage, value string) *cli.StringSliceFlag {
	return &cli.StringSliceFlag{Name: name, Usage: "`" + value + "`: " + usage}
}

func switchFlag(name, usage string, aliases ...string) *cli.BoolFlag {
	return &cli.BoolFlag{Name: name, Aliases: aliases, Usage: usage, DisableDefaultText: true}
}

// variable returns the name of the environment variable that sets an option.
func variable(option string) string {
	return "DINDCTL_" + strings.ToUpper(strings.ReplaceAll(option, "-", "_"))
}

// values looks up options: first after the command's name, then before it, then
// in the file of --options-file, then in the environment.
type values struct {
	context *cli.Context
	file    map[string]any
	getenv  func(string) string
}

// at returns the innermost context in which the option was given, or nil.
func (v values) at(name string) *cli.Context {
	for _, c := range v.context.Lineage() {
		if c.IsSet(name) {
			return c
		}
	}
	return nil
}

// given reports whether an option was given.
func (v values) given(name string) bool {
	return v.at(name) != nil || v.file[name] != nil || v.getenv(variable(name)) != ""
}

// text returns the value of an option, or fallback if it was not given.
func (v values) text(name, fallback string) string {
	if c := v.at(name); c != nil {
		return c.String(name)
	}
	if value, there := v.file[name].(string); there {
		return value
	}
	if value := v.getenv(variable(name)); value != "" {
		return value
	}
	return fallback
}

// list returns the values of an option that can be repeated. In the environment
// each value is a line, since any other separator can be part of a value.
func (v values) list(name string) []string {
	if c := v.at(name); c != nil {
		return c.StringSlice(name)
	}
	if list, there := v.file[name].([]string); there {
		return list
	}
	return strings.FieldsFunc(v.getenv(variable(name)), func(r rune) bool { return r == '\n' })
}

// off reports whether a switch was explicitly turned off, as in --name=false.
func (v values) off(name string) bool { return v.given(name) && !v.on(name) }

// on reports whether a switch is on. Words that are no booleans are problems of the
// session, which has checked them.
func (v values) on(name string) bool {
	if c := v.at(name); c != nil {
		return c.Bool(name)
	}
	if on, there := v.file[name].(bool); there {
		return on
	}
	on, _ := switchValue(name, v.getenv(variable(name)))
	return on
}

// switchValue returns the value of a switch from a word, in any case, and whether the
// word is one. --dry-run also accepts kubectl's name of the only kind there is.
func switchValue(name, word string) (on, valid bool) {
	switch strings.ToLower(word) {
	case "true", "yes", "on", "1", "y", "t":
		return true, true
	case "false", "no", "off", "0", "n", "f":
		return false, true
	case "server":
		return name == "dry-run", name == "dry-run"
	}
	return false, false
}

// switchProblem records a word that is no value of the switch; option is what was set.
func (l *problemList) switchProblem(option, name, word string) {
	if name == "dry-run" && word == "client" {
		l.problem(option, word, "is not supported",
			"--dry-run is a server-side dry run; `dindctl manifests` prints the objects without a cluster.")
		return
	}
	l.problem(option, word, "must be true or false, or have no value", "")
}

// checkSwitches records a problem for each variable of a switch of the command whose
// value is not a boolean: a typo must not turn a switch on or off.
func (s *session) checkSwitches(flags []cli.Flag) {
	for _, flag := range flags {
		name := flag.Names()[0]
		word := s.getenv(variable(name))
		if _, isSwitch := flag.(*cli.BoolFlag); !isSwitch || word == "" {
			continue
		}
		if _, valid := switchValue(name, word); !valid {
			s.switchProblem(variable(name), name, word)
		}
	}
}
