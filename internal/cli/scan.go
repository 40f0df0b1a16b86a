package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
	"github.com/xrash/smetrics"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/redact"
)

// scan reads the command line before the library does, which would stop at the
// first thing it does not understand: it finds every unknown option, missing
// value and leftover argument, and gives the command line without them, so
// that the values of the options that are known can be checked in the same go.
func scan(app *cli.App, args []string) (clean []string, problems dind.OptionErrors) {
	s := scanner{flags: app.Flags, clean: args[:1:1]}
	rest := args[1:]
	for len(rest) > 0 {
		switch arg := rest[0]; {
		case arg == "--":
			for _, leftover := range rest[1:] {
				s.leftover(leftover)
			}
			rest = nil
		case strings.HasPrefix(arg, "-") && arg != "-":
			rest = s.option(rest)
		case s.command == nil:
			if s.command = app.Command(arg); s.command == nil {
				// What follows an unknown command cannot be judged.
				if s.confiding {
					arg = redact.Hidden
				}
				return args[:1], append(s.problems, unknownCommand(app, arg))
			}
			s.clean = append(s.clean, arg)
			s.flags = s.command.Flags
			rest = rest[1:]
		default:
			s.leftover(arg)
			rest = rest[1:]
		}
	}
	if len(s.leftovers) > 0 {
		s.problems = append(s.problems, &dind.OptionError{
			Option: "argument", Value: strings.Join(s.leftovers, " "), Reason: "is not expected",
			Hint: "dindctl's commands take options only.",
		})
	}
	return s.clean, s.problems
}

type scanner struct {
	flags     []cli.Flag
	command   *cli.Command
	clean     []string
	leftovers []string
	problems  dind.OptionErrors
	// confiding tells that the last option may have had a secret for its value.
	confiding bool
}

// leftover is an argument that nothing takes. One that follows a secret may be
// the rest of it, cut off at a blank for want of quotes.
func (s *scanner) leftover(arg string) {
	if s.confiding {
		arg = redact.Hidden
	}
	s.leftovers = append(s.leftovers, arg)
}

// option takes one option, and its value, off the rest.
func (s *scanner) option(rest []string) []string {
	arg := rest[0]
	name, value, joined := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
	if name == "help" || name == "h" {
		s.clean = append(s.clean, arg)
		return rest[1:]
	}
	flag := find(s.flags, name)
	s.confiding = flag == nil || slices.Contains([]string{"env", "dockerd-arg", "registry-mirror", "insecure-registry"}, name)
	_, isSwitch := flag.(*cli.BoolFlag)
	if isSwitch && name == "dry-run" && value == "server" {
		arg, joined = dashed(name), false // kubectl's spelling of the only kind there is
	}
	switch {
	case flag == nil:
		s.problems = append(s.problems, unknownOption(s.flags, name))
		if !joined && len(rest) > 1 && !strings.HasPrefix(rest[1], "-") {
			return rest[2:] // most likely its value
		}
	case isSwitch && name == "dry-run" && value == "client":
		s.problems = append(s.problems, &dind.OptionError{
			Option: dashed(name), Value: value, Reason: "is not supported",
			Hint: "--dry-run asks the server; `dindctl manifests` prints the objects without a cluster.",
		})
	case isSwitch && joined && !isBool(value):
		s.problems = append(s.problems, &dind.OptionError{Option: dashed(name), Value: value, Reason: "is a switch: true or false, or nothing"})
	case isSwitch || joined:
		s.clean = append(s.clean, arg)
	case len(rest) == 1:
		s.problems = append(s.problems, &dind.OptionError{Option: dashed(name), Reason: "needs a value"})
	default:
		s.clean = append(s.clean, rest[:2]...)
		return rest[2:]
	}
	return rest[1:]
}

func find(flags []cli.Flag, name string) cli.Flag {
	for _, flag := range flags {
		for _, known := range flag.Names() {
			if known == name {
				return flag
			}
		}
	}
	return nil
}

func isBool(value string) bool {
	_, err := strconv.ParseBool(value)
	return err == nil
}

func unknownOption(flags []cli.Flag, name string) *dind.OptionError {
	problem := &dind.OptionError{Option: dashed(name), Reason: "there is no such option"}
	var known []string
	for _, flag := range flags {
		known = append(known, flag.Names()[0])
	}
	if near := nearest(known, name); near != "" {
		problem.Hint = "Did you mean " + dashed(near) + "?"
	}
	return problem
}

func unknownCommand(app *cli.App, name string) *dind.OptionError {
	problem := &dind.OptionError{Option: "command", Value: name, Reason: "there is no such command"}
	var known []string
	for _, command := range app.Commands {
		known = append(known, command.Name)
	}
	if near := nearest(known, name); near != "" {
		problem.Hint = fmt.Sprintf("Did you mean `%s %s`?", app.Name, near)
	}
	return problem
}

// nearest is the known name that was probably meant; empty if none is near.
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
