package cli

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// connectionFlags are accepted before and after the command's name. Their
// defaults are applied by session, not here: the library would otherwise take
// the inner flag's default for a value that overrides the outer one.
func connectionFlags() []cli.Flag {
	return inGroup(common,
		text("kubeconfig", "path of the kubeconfig (default: $KUBECONFIG, then ~/.kube/config)", "PATH"),
		text("context", "context of the kubeconfig", "NAME"),
		aliased(text("namespace", "namespace of the installation (default: the context's)", "NAME"), "n"),
		text("as", "user to impersonate", "USER"),
		list("as-group", "group to impersonate", "GROUP"),
		text("name", "name of the installation (default: docker-dind)", "NAME"),
		text("timeout", "how long the whole command may take (default: 5m)", "DURATION"),
		aliased(text("output", "text, json or yaml (default: text)", "FORMAT"), "o"),
		switchFlag("quiet", "print results, warnings and errors only", "q"),
		switchFlag("verbose", "print every step on a line of its own", "v"),
		switchFlag("no-color", "print without colour"),
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
	return &cli.StringSliceFlag{Name: name, Usage: "`" + value + "`: " + usage + ""}
}

func switchFlag(name, usage string, aliases ...string) *cli.BoolFlag {
	return &cli.BoolFlag{Name: name, Aliases: aliases, Usage: usage, DisableDefaultText: true}
}

// variable is the environment variable that sets an option.
func variable(option string) string {
	return "DINDCTL_" + strings.ToUpper(strings.ReplaceAll(option, "-", "_"))
}

// values looks options up: what was typed after the command's name, before it,
// the environment, the default, in this order.
type values struct {
	context *cli.Context
	getenv  func(string) string
}

func (v values) at(name string) *cli.Context {
	for _, c := range v.context.Lineage() {
		if c.IsSet(name) {
			return c
		}
	}
	return nil
}

// text gives an option's value, and fallback where it was not given.
func (v values) text(name, fallback string) string {
	if c := v.at(name); c != nil {
		return c.String(name)
	}
	if value := v.getenv(variable(name)); value != "" {
		return value
	}
	return fallback
}

// list gives the values of an option that may be repeated. In the environment
// they stand on lines of their own, since any other separator may be part of
// a value.
func (v values) list(name string) []string {
	if c := v.at(name); c != nil {
		return c.StringSlice(name)
	}
	return strings.FieldsFunc(v.getenv(variable(name)), func(r rune) bool { return r == '\n' })
}

// off tells whether a switch was turned off in so many words: --name=false.
func (v values) off(name string) bool {
	return (v.at(name) != nil || v.getenv(variable(name)) != "") && !v.on(name)
}

// on tells whether a switch is on. A variable that is set to anything but
// false, no, off or 0 turns it on.
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
