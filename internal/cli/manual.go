package cli

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// Manual is what the help of the program says, as data. Text may have words in backquotes.
type Manual struct {
	Page
	// Commands are in the order of the help. Their groups lack those of the program, whose
	// options all commands have.
	Commands    []Page
	Environment string
	ExitCodes   []Term
}

// Page is the manual of the program or of one command.
type Page struct {
	Name    string // "dindctl", or "dindctl install"
	Summary string // a line without a full stop
	Usage   []string
	// Description is "" if Summary says everything.
	Description string
	Groups      []Group
}

// Group has options under a heading.
type Group struct {
	Title   string
	Options []Term
}

// Term is an option as the help spells it, with its value, or another word, and what it means.
type Term struct{ Name, Text string }

// NewManual returns the manual of this version. It reads no environment, and contacts no
// cluster.
func NewManual() Manual {
	app := (&program{}).app("dindctl")
	manual := Manual{
		Page:        Page{Name: app.Name, Summary: app.Usage, Usage: []string{app.Name + " COMMAND [options]"}, Groups: groups(app.Flags)},
		Environment: strings.TrimSpace(environmentHelp), ExitCodes: exitCodes,
	}
	for _, command := range app.Commands {
		manual.Commands = append(manual.Commands, Page{
			Name: app.Name + " " + command.Name, Summary: command.Usage, Usage: strings.Split(command.UsageText, "\n"),
			Description: command.Description, Groups: slices.DeleteFunc(groups(command.Flags), manual.has),
		})
	}
	return manual
}

// has reports whether the program has a group with this title.
func (p Page) has(group Group) bool {
	return slices.ContainsFunc(p.Groups, func(g Group) bool { return g.Title == group.Title })
}

// groups returns flags under their headings, which are in the order of their first flags.
func groups(flags []cli.Flag) (found []Group) {
	for _, flag := range flags {
		title, row := helpRow(flag)
		at := slices.IndexFunc(found, func(g Group) bool { return g.Title == title })
		if at < 0 {
			at = len(found)
			found = append(found, Group{Title: title})
		}
		found[at].Options = append(found[at].Options, row)
	}
	return found
}
