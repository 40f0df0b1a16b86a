package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"github.com/xrash/smetrics"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/redact"
)

// scan finds every unknown option, missing value and unexpected argument, and
// returns the command line without them. What follows -- is only looked at if the
// command takes no arguments. The library would stop at the first problem; after scan,
// it parses the rest, so that all problems are reported at once.
func scan(app *cli.App, args []string) (clean []string, problems dind.OptionErrors) {
	s := scanner{flags: app.Flags, clean: args[:1:1]}
	rest := args[1:]
	var words []string // that the command checks itself
	for len(rest) > 0 {
		switch arg := rest[0]; {
		case arg == "--" && s.takesArguments():
			// They may be anything, secrets included.
			s.clean = append(s.clean, rest...)
			rest = nil
		case arg == "--":
			for _, leftover := range rest[1:] {
				s.leftover(leftover)
			}
			rest = nil
		case strings.HasPrefix(arg, "-") && arg != "-":
			rest = s.option(rest)
		case s.command == nil:
			if s.command = app.Command(arg); s.command == nil {
				// The arguments of an unknown command cannot be checked.
				if s.afterSecret {
					arg = redact.Hidden
				}
				s.unknownCommand(app, arg)
				return args[:1], s.problems
			}
			s.clean = append(s.clean, arg)
			s.flags = s.command.Flags
			rest = rest[1:]
		case s.command.ArgsUsage != "" && !s.takesArguments():
			if s.afterSecret && !slices.Contains(shells, arg) {
				arg = redact.Hidden
			}
			words = append(words, arg)
			rest = rest[1:]
		default:
			s.leftover(arg)
			rest = rest[1:]
		}
	}
	if len(s.leftovers) > 0 {
		hint := "dindctl commands accept only options."
		if s.takesArguments() {
			hint = argumentsHint
		}
		s.problem("argument", strings.Join(s.leftovers, " "), "is not expected", hint)
	}
	return append(s.clean, words...), s.problems
}

type scanner struct {
	flags     []cli.Flag
	command   *cli.Command
	clean     []string
	leftovers []string
	problemList
	// afterSecret reports whether the value of the last option may be a secret.
	afterSecret bool
}

// takesArguments reports whether the command takes arguments after --.
func (s *scanner) takesArguments() bool {
	return s.command != nil && strings.HasPrefix(s.command.ArgsUsage, "--")
}

// leftover records an unexpected argument. After a secret, it may be the rest of
// that secret, split at a space because of missing quotes.
func (s *scanner) leftover(arg string) {
	if s.afterSecret {
		arg = redact.Hidden
	}
	s.leftovers = append(s.leftovers, arg)
}

// option handles the first option of rest, with its value, and returns the
// arguments after it.
func (s *scanner) option(rest []string) []string {
	arg := s.apart(rest[0])
	name, value, joined := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
	if name == "help" || name == "h" {
		s.clean = append(s.clean, arg)
		return rest[1:]
	}
	flag := flagNamed(s.flags, name)
	s.afterSecret = flag == nil || slices.Contains([]string{"env", "dockerd-arg", "registry-mirror", "insecure-registry", "token"}, name)
	_, isSwitch := flag.(*cli.BoolFlag)
	on, valid := switchValue(name, value)
	switch {
	case flag == nil:
		s.unknownOption(name)
		if !joined && len(rest) > 1 && !strings.HasPrefix(rest[1], "-") {
			return rest[2:] // the next argument is most likely its value
		}
	case isSwitch && joined && !valid:
		s.switchProblem(dashed(name), name, value)
	case isSwitch && joined:
		s.clean = append(s.clean, fmt.Sprintf("%s=%t", dashed(name), on))
	case isSwitch || joined:
		s.clean = append(s.clean, arg)
	case len(rest) == 1:
		s.problem(dashed(name), "", "needs a value", "")
	default:
		s.clean = append(s.clean, rest[:2]...)
		return rest[2:]
	}
	return rest[1:]
}

// apart returns a letter that is written together with its value, such as -nci, as -n=ci.
func (s *scanner) apart(arg string) string {
	if strings.HasPrefix(arg, "--") || len(arg) < 3 || arg[2] == '=' || flagNamed(s.flags, strings.SplitN(arg[1:], "=", 2)[0]) != nil {
		return arg
	}
	if _, takesText := flagNamed(s.flags, arg[1:2]).(*cli.StringFlag); !takesText {
		return arg
	}
	return arg[:2] + "=" + arg[2:]
}

func flagNamed(flags []cli.Flag, name string) cli.Flag {
	for _, flag := range flags {
		if slices.Contains(flag.Names(), name) {
			return flag
		}
	}
	return nil
}

func (s *scanner) unknownOption(name string) {
	var known []string
	for _, flag := range s.flags {
		known = append(known, flag.Names()[0])
	}
	hint := ""
	if near := nearest(known, name); near != "" {
		hint = "Did you mean " + dashed(near) + "?"
	}
	s.problem(dashed(name), "", "unknown option", hint)
}

func (s *scanner) unknownCommand(app *cli.App, name string) {
	var known []string
	for _, command := range app.Commands {
		known = append(known, command.Name)
	}
	hint := ""
	if near := nearest(known, name); near != "" {
		hint = fmt.Sprintf("Did you mean `%s %s`?", app.Name, near)
	}
	s.problem("command", name, "unknown command", hint)
}

// nearest returns the known name that was probably meant, or "" if none is
// similar.
func nearest(known []string, name string) string {
	best, bestDistance := "", max(1, len(name)/3)+1
	for _, candidate := range known {
		if distance := smetrics.WagnerFischer(name, candidate, 1, 1, 1); distance < bestDistance {
			best, bestDistance = candidate, distance
		}
	}
	return best
}

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}
