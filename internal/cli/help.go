package cli

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// common is the heading of the options that all commands share.
const common = "Common options, before or after the command"

// inGroup puts flags under a heading in the help.
func inGroup(name string, flags ...cli.Flag) []cli.Flag {
	for _, flag := range flags {
		switch flag := flag.(type) {
		case *cli.StringFlag:
			flag.Category = name
		case *cli.StringSliceFlag:
			flag.Category = name
		case *cli.BoolFlag:
			flag.Category = name
		}
	}
	return flags
}

// commandHelp returns the help of a command. The library's template would print
// the name of each value twice and sort the groups.
func commandHelp(program string, command *cli.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nUsage:\n", sentence(command.Usage))
	for _, line := range strings.Split(command.UsageText, "\n") {
		fmt.Fprintf(&b, "  %s\n", strings.Replace(line, "dindctl", program, 1))
	}
	if command.Description != "" {
		fmt.Fprintf(&b, "\n%s\n", command.Description)
	}
	writeFlags(&b, command.Flags)
	b.WriteString(environmentHelp)
	return literal(b.String())
}

// appHelp returns the help of the program.
func appHelp(app *cli.App) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s.\n\nUsage:\n  %s COMMAND [options]\n\nCommands:\n", app.Name, app.Usage, app.Name)
	width := 0
	for _, command := range app.Commands {
		width = max(width, len(command.Name))
	}
	for _, command := range app.Commands {
		fmt.Fprintf(&b, "  %-*s  %s\n", width, command.Name, command.Usage)
	}
	writeFlags(&b, app.Flags)
	b.WriteString(environmentHelp)
	var codes []string
	for _, code := range exitCodes {
		codes = append(codes, code.Name+" "+code.Text)
	}
	fmt.Fprintf(&b, "\nExit codes: %s\n\n`%s COMMAND --help` lists the options of a command.\n", strings.Join(codes, " · "), app.Name)
	return literal(b.String())
}

const environmentHelp = `
Each option can be set by an environment variable: DINDCTL_STORAGE_SIZE sets --storage-size.
If an option can be repeated (...), put each value on a separate line of the variable.
`

// writeFlags lists flags under their headings.
func writeFlags(b *strings.Builder, flags []cli.Flag) {
	all, width := groups(flags), 0
	for _, group := range all {
		for _, option := range group.Options {
			width = max(width, len(option.Name))
		}
	}
	for _, group := range all {
		fmt.Fprintf(b, "\n%s:\n", group.Title)
		for _, option := range group.Options {
			fmt.Fprintf(b, "  %-*s  %s\n", width, option.Name, option.Text)
		}
	}
}

// helpRow returns the heading of a flag and its row in the help:
// "-n, --namespace NAME" and the description.
func helpRow(flag cli.Flag) (group string, row Term) {
	if flag, is := flag.(cli.CategorizableFlag); is {
		group = flag.GetCategory()
	}
	if group == "" {
		group = "Options"
	}
	names := flag.Names()
	spelling := "    --" + names[0]
	if len(names) > 1 {
		spelling = "-" + names[1] + ", --" + names[0]
	}
	usage, value := placeholder(flag)
	if value != "" {
		spelling += " " + value
	}
	if _, repeats := flag.(*cli.StringSliceFlag); repeats {
		spelling += "..."
	}
	return group, Term{spelling, usage}
}

// placeholder returns the description of an option and the name of its value, which
// precedes the description in backquotes; "" if it has none.
func placeholder(flag cli.Flag) (usage, value string) {
	if flag, is := flag.(cli.DocGenerationFlag); is {
		usage = flag.GetUsage()
	}
	if value, text, found := strings.Cut(strings.TrimPrefix(usage, "`"), "`: "); found {
		return text, value
	}
	return usage, ""
}

func sentence(text string) string {
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// literal returns a template that prints the text unchanged.
func literal(text string) string {
	return strings.ReplaceAll(text, "{{", `{{"{{"}}`)
}
