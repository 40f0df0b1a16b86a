// Package terminal draws: the progress of a command on stderr, and the small
// pieces (colour, tables, sizes, questions) that results are made of.
//
// The rules of the user interface:
//
//   - Results go to stdout and are printed by the command that made them.
//     Progress, warnings, questions and errors go to stderr; a Renderer never
//     touches stdout.
//   - A spinner is drawn on a terminal's stderr alone, never under CI or
//     TERM=dumb. Whether stdout is a terminal makes no difference to it.
//   - The spinner has one line and never wraps: a line that wraps can't be
//     erased. What is too wide is cut and ends in "…". Lines that stay on the
//     screen (done, failed, warning) are never cut: they may be all there is
//     to learn from.
//   - Several steps may be open at once. The oldest is shown, since the others
//     usually wait for it, with the number of the rest: a line that changes
//     its subject ten times a second can't be read.
//   - The cursor is never hidden. A program that hides it has to survive to
//     show it again; kill -9, Ctrl-Z and a panic would leave the user without.
//   - Where no spinner is drawn, a step is one line when it ends; one more when
//     it takes so long that silence would worry, and one for each new detail
//     after that. No line comes twice, and there are no timestamps: the log
//     that collects the lines has its own.
//   - Names, details and errors come from the cluster. Nothing in them reaches
//     the terminal as a control: see Sanitize.
//   - Colour only repeats what a glyph or a word says already.
package terminal

import "github.com/dindctl/dindctl/internal/progress"

// Mode is how much a Renderer tells.
type Mode int

const (
	// Normal tells the course of each step, in the form that suits stderr.
	Normal Mode = iota
	// Quiet tells warnings only.
	Quiet
	// Verbose tells every event on a line of its own, on a terminal too.
	Verbose
)

// Renderer shows progress on stderr until it is closed.
type Renderer interface {
	progress.Observer
	// Println prints a line of the caller's own in any mode, without damage to
	// what is being drawn.
	Println(line string)
	// Close takes what is being drawn off the screen and drops every later
	// event. It may be called at any moment, from any goroutine, repeatedly.
	Close()
}

// New returns the Renderer that suits the streams and the mode.
func New(s Streams, m Mode) Renderer {
	if m == Normal && s.spins && s.errFile != nil {
		return newSpinning(s.errFile, s.ErrStyle())
	}
	return newPlain(s.Err, m)
}
