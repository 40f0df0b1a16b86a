package cli

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// A thousand command lines with one to three errors among valid options: all errors
// are reported at once, with exit code 2, and no request is sent.
func TestMalformedCommandLines(t *testing.T) {
	w := newWorld(t)
	app := w.app("dindctl")
	random := rand.New(rand.NewPCG(2375, 2376))
	for range 1000 {
		line, named := malformed(random, app)
		code, stdout, stderr := w.run(t, line...)
		if code != exitUsage || stdout != "" {
			t.Fatalf("dindctl %q: exit code %d, stdout %q, stderr %q", line, code, stdout, stderr)
		}
		for _, name := range named {
			if !strings.Contains(stderr, name) {
				t.Errorf("dindctl %q: %s is not named:\n%s", line, name, stderr)
			}
		}
		if len(w.connections) > 0 || len(w.Actions()) > 0 {
			t.Fatalf("dindctl %q: connections %v, requests %v", line, w.connections, w.Actions())
		}
	}
}

// ingredient is a part of a command line, and the text that the error must
// contain; empty if the part is valid.
type ingredient struct {
	arguments []string
	named     string
}

// malformed returns a command line and the texts that its error must contain.
func malformed(random *rand.Rand, app *cli.App) (line, named []string) {
	command := app.Commands[random.IntN(len(app.Commands))]
	var parts []ingredient
	for range random.IntN(3) {
		parts = append(parts, valid(random, command))
	}
	used := map[string]bool{}
	for range 1 + random.IntN(3) {
		one := invalid(random, app, command)
		if key, _, _ := strings.Cut(one.arguments[0], "="); !used[key] {
			used[key] = true
			parts = append(parts, one)
		}
	}
	random.Shuffle(len(parts), func(a, b int) { parts[a], parts[b] = parts[b], parts[a] })
	line = []string{command.Name}
	for _, part := range parts {
		line = append(line, part.arguments...)
		if part.named != "" {
			named = append(named, part.named)
		}
	}
	if random.IntN(10) == 0 {
		flag := someFlag(random, command, func(flag cli.Flag) bool { _, is := flag.(*cli.StringFlag); return is })
		line, named = append(line, flag), append(named, flag)
	}
	return line, named
}

// valid returns a valid part. Its options differ from those of invalid: of two
// values of an option, the last counts.
func valid(random *rand.Rand, command *cli.Command) ingredient {
	values := [][]string{{"-v"}, {"--context", "other"}, {"--as=jane"}, {"--as-group", "a", "--as-group", "b"}}
	if command.Name == "install" || command.Name == "manifests" {
		values = append(values, []string{"--cpu-request", "1"}, []string{"--env", "A=b,c"}, []string{"--no-network-policy"})
	}
	return ingredient{arguments: values[random.IntN(len(values))]}
}

func invalid(random *rand.Rand, app *cli.App, command *cli.Command) ingredient {
	switch random.IntN(5) {
	case 0: // an option that nobody has
		name := "--zz-" + word(random)
		return ingredient{[]string{name + "=" + word(random)}, name}
	case 1: // an option of another command
		other := app.Commands[random.IntN(len(app.Commands))]
		name := someFlag(random, other, func(flag cli.Flag) bool { return len(flag.Names()[0]) > 1 })
		if flagNamed(command.Flags, strings.TrimLeft(name, "-")) == nil {
			return ingredient{[]string{name + "=1"}, name}
		}
		return ingredient{[]string{"--zz-" + name[2:]}, "--zz-" + name[2:]}
	case 2: // an argument where none is expected
		text := "surplus-" + word(random)
		if command.Name == "where" { // which takes one argument
			return ingredient{[]string{"--no-color", text, text}, text + " " + text}
		}
		return ingredient{[]string{"--no-color", text}, text}
	case 3: // a switch with an invalid value
		name := someFlag(random, command, func(flag cli.Flag) bool { _, is := flag.(*cli.BoolFlag); return is && flag.Names()[0] != "help" })
		return ingredient{[]string{name + "=perhaps"}, name}
	default:
		bad := badValues(command)
		option := bad[random.IntN(len(bad))]
		return ingredient{[]string{option[0] + "=" + option[1]}, option[0]}
	}
}

func badValues(command *cli.Command) [][2]string {
	values := [][2]string{{"--timeout", "soon"}, {"--timeout", "-1s"}, {"--namespace", "Bad_Name"}, {"--name", "1st"}, {"--output", "xml"}}
	if command.Name == "install" || command.Name == "manifests" {
		values = append(values, [][2]string{
			{"--storage-size", "-3Gi"}, {"--prune-schedule", "nonsense"}, {"--registry-mirror", "::"}, {"--mtu", "many"},
			{"--image", "UPPER/Case"}, {"--cpu-limit", "lots"}, {"--env", "=1"}, {"--toleration", "::::"}, {"--cache-limit", "120%"},
			{"--prune-unused-for", "weekly"}, {"--allow-namespace", "No_Such"}, {"--node-selector", "a=b=c d"},
		}...)
	}
	return values
}

// someFlag returns one of the options of the command, as typed.
func someFlag(random *rand.Rand, command *cli.Command, fits func(cli.Flag) bool) string {
	var names []string
	for _, flag := range command.Flags {
		if fits(flag) {
			names = append(names, dashed(flag.Names()[0]))
		}
	}
	return names[random.IntN(len(names))]
}

func word(random *rand.Rand) string {
	return fmt.Sprintf("%x", random.Uint32())
}
