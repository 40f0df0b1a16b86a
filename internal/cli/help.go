package cli

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// common is the category of the options that every command takes.
const common = "Common options, before or after the command"

// inGroup puts flags under a heading of the help.
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

// commandHelp is the whole help of a command. The library's own template would
// print each value's name twice, and no groups in an order of ours.
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
	fmt.Fprintf(&b, "\nExit codes: 0 done · 1 failed · 2 wrong command line · 3 not ready · 4 not installed · 130 interrupted\n\n`%s COMMAND --help` lists a command's own options.\n", app.Name)
	return literal(b.String())
}

const environmentHelp = `
Each option has an environment variable: DINDCTL_STORAGE_SIZE is --storage-size. The values of
an option that may be repeated (...) stand on lines of their own there.
`

// writeFlags lists flags under their headings, the headings in the order in
// which they come first.
func writeFlags(b *strings.Builder, flags []cli.Flag) {
	var order []string
	rows := map[string][][2]string{}
	width := 0
	for _, flag := range flags {
		group, row := helpRow(flag)
		if rows[group] == nil {
			order = append(order, group)
		}
		rows[group] = append(rows[group], row)
		width = max(width, len(row[0]))
	}
	for _, group := range order {
		fmt.Fprintf(b, "\n%s:\n", group)
		for _, row := range rows[group] {
			fmt.Fprintf(b, "  %-*s  %s\n", width, row[0], row[1])
		}
	}
}

// helpRow is a flag as the help shows it: "-n, --namespace NAME" and what it means.
func helpRow(flag cli.Flag) (group string, row [2]string) {
	var usage, suffix string
	switch flag := flag.(type) {
	case *cli.StringFlag:
		group, usage = flag.Category, flag.Usage
	case *cli.StringSliceFlag:
		group, usage, suffix = flag.Category, flag.Usage, "..."
	case *cli.BoolFlag:
		group, usage = flag.Category, flag.Usage
	}
	if group == "" {
		group = "Options"
	}
	names := flag.Names()
	spelling := "    --" + names[0]
	if len(names) > 1 {
		spelling = "-" + names[1] + ", --" + names[0]
	}
	// The value's name stands in backquotes before the text.
	if value, text, found := strings.Cut(strings.TrimPrefix(usage, "`"), "`: "); found {
		spelling, usage = spelling+" "+value+suffix, text
	}
	return group, [2]string{spelling, usage}
}

func sentence(text string) string {
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// literal makes a template that prints the text as it is.
func literal(text string) string {
	return strings.ReplaceAll(text, "{{", `{{"{{"}}`)
}
