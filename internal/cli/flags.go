package cli

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// connectionFlags returns the options that are accepted before and after the
// command's name. session applies their defaults: if they were set here, the
// library would let the inner flag's default override the outer flag's value.
func connectionFlags() []cli.Flag {
	return inGroup(common,
		text("kubeconfig", "path of the kubeconfig file (default: $KUBECONFIG, then ~/.kube/config)", "PATH"),
		text("context", "kubeconfig context to use", "NAME"),
		aliased(text("namespace", "namespace of the installation (default: the context's namespace)", "NAME"), "n"),
		text("as", "user to impersonate", "USER"),
		list("as-group", "group to impersonate", "GROUP"),
		text("name", "name of the installation (default: docker-dind)", "NAME"),
		text("timeout", "maximum duration of the whole command (default: 5m)", "DURATION"),
		aliased(text("output", "output format: text, json or yaml (default: text)", "FORMAT"), "o"),
		switchFlag("quiet", "print only results, warnings and errors", "q"),
		switchFlag("verbose", "print every step on a separate line", "v"),
		switchFlag("no-color", "print without colors"),
	)
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
// in the environment.
type values struct {
	context *cli.Context
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

// text returns the value of an option, or fallback if it was not given.
func (v values) text(name, fallback string) string {
	if c := v.at(name); c != nil {
		return c.String(name)
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
	return strings.FieldsFunc(v.getenv(variable(name)), func(r rune) bool { return r == '\n' })
}

// off reports whether a switch was explicitly turned off, as in --name=false.
func (v values) off(name string) bool {
	return (v.at(name) != nil || v.getenv(variable(name)) != "") && !v.on(name)
}

// on reports whether a switch is on. An environment variable with any value
// except false, no, off and 0 turns it on.
func (v values) on(name string) bool {
	if c := v.at(name); c != nil {
		return c.Bool(name)
	}
	switch strings.ToLower(v.getenv(variable(name))) {
	case "", "0", "false", "no", "off":
		return false
	}
	return true
}
