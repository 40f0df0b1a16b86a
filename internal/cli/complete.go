package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// completeName is the hidden command that the scripts of all shells use: the words of the
// command line follow, and the last is the one to complete. It prints what may be there,
// one on a line, each with a tab and a description if it has one; the last line is :0 if
// file names fit, too, and :4 if not. That is how kubectl asks for completePlugin, too.
const (
	completeName   = "__complete"
	completePlugin = "kubectl_complete-dindctl"
)

// completionWords returns the words to complete, and whether that is what was asked for.
func completionWords(args []string) (words []string, asked bool) {
	if programName(args[0]) == completePlugin {
		return args[1:], true
	}
	if len(args) < 2 || args[1] != completeName {
		return nil, false
	}
	return args[2:], true
}

// completion is a command line up to the word that is to be completed.
type completion struct {
	before  []string // without an option whose value is missing
	command *cli.Command
	flags   []cli.Flag
	option  cli.Flag // whose value the word is; nil if it is none
	joined  string   // --option= if the word begins with it
	current string
	rest    bool // the word is behind --
}

// newCompletion reads the words.
func newCompletion(app *cli.App, words []string) completion {
	c := completion{flags: app.Flags}
	words = rejoined(words)
	last := len(words) - 1
	c.current = words[last]
	for n := 0; n < last; n++ {
		word := words[n]
		switch {
		case word == "--":
			c.rest = true
			return c
		case strings.HasPrefix(word, "-"):
			flag := flagNamed(c.flags, strings.TrimLeft(word, "-"))
			if takesValue(flag) && n+1 == last {
				c.option = flag
				return c
			}
			if takesValue(flag) {
				c.before = append(c.before, word)
				n++
			}
		case c.command == nil:
			if c.command = app.Command(word); c.command != nil {
				c.flags = c.command.Flags
			}
		}
		c.before = append(c.before, words[n])
	}
	if name, value, cut := strings.Cut(c.current, "="); cut && strings.HasPrefix(name, "--") {
		c.option, c.joined, c.current = flagNamed(c.flags, name[2:]), name+"=", value
	}
	return c
}

// rejoined joins --option, = and its value, as bash separates them. It returns one word at
// least. `""` is how PowerShell passes an empty one.
func rejoined(words []string) []string {
	whole := make([]string, 0, len(words)+1)
	for n := 0; n < len(words); n++ {
		if words[n] == "=" && len(whole) > 0 {
			whole[len(whole)-1] += "="
			if n++; n < len(words) {
				whole[len(whole)-1] += words[n]
			}
			continue
		}
		whole = append(whole, strings.TrimPrefix(words[n], `""`))
	}
	if len(whole) == 0 {
		whole = append(whole, "")
	}
	return whole
}

func takesValue(flag cli.Flag) bool {
	_, isSwitch := flag.(*cli.BoolFlag)
	return flag != nil && !isSwitch
}

// complete prints what may come next. It reports no error: nobody asked for one.
func (p *program) complete(ctx context.Context, app *cli.App, words []string) {
	c := newCompletion(app, words)
	var found []string
	files := c.rest
	switch {
	case c.rest:
	case c.option != nil:
		_, value := placeholder(c.option)
		files = slices.Contains([]string{"FILE", "PATH"}, value)
		found = p.valuesOf(ctx, app, c)
	case c.command == nil && !strings.HasPrefix(c.current, "-"):
		for _, command := range app.Commands {
			found = append(found, command.Name+"\t"+command.Usage)
		}
	case c.command != nil && c.command.ArgsUsage == "SHELL" && !strings.HasPrefix(c.current, "-"):
		found = shells
	default:
		for _, flag := range c.flags {
			usage, _ := placeholder(flag)
			found = append(found, dashed(flag.Names()[0])+"\t"+usage)
		}
	}
	for _, candidate := range found {
		if strings.HasPrefix(candidate, c.current) {
			fmt.Fprintln(p.streams.Out, c.joined+candidate)
		}
	}
	if files {
		fmt.Fprintln(p.streams.Out, ":0")
	} else {
		fmt.Fprintln(p.streams.Out, ":4")
	}
}
