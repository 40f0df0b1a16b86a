// Package terminal draws the progress of a command on stderr, and provides colors,
// tables, bars and questions for commands.
//
// The rules of the user interface:
//
//   - Commands print their results to stdout. Progress, warnings, questions and
//     errors go to stderr. A Renderer never writes to stdout.
//   - The spinner is drawn only if stderr is a terminal, and never with CI or
//     TERM=dumb. It does not matter whether stdout is a terminal.
//   - The spinner has one line that never wraps, because a wrapped line cannot be
//     erased. A longer line is truncated and ends in "…". Lines that stay on the
//     screen (done, failed, warning) are never truncated.
//   - Several steps may be open at the same time. The spinner shows the oldest,
//     because the others usually wait for it, and the number of the others. A
//     line that alternates between steps would be unreadable.
//   - The cursor is never hidden. After kill -9, Ctrl-Z or a panic it would stay
//     hidden.
//   - Without a spinner, a step prints one line when it ends. A slow step also
//     prints a line at the start and one for each new detail. No line is printed
//     twice. There are no timestamps, because log collectors add their own.
//   - Names, details and errors come from the cluster. They reach the terminal
//     without control characters: see Sanitize.
//   - Color only repeats what a glyph or a word already says.
package terminal

import "github.com/dindctl/dindctl/internal/progress"

// Mode is the verbosity of a Renderer.
type Mode int

const (
	// Normal shows the progress of each step, with a spinner where possible.
	Normal Mode = iota
	// Quiet prints only warnings.
	Quiet
	// Verbose prints every event on a separate line, also on a terminal.
	Verbose
)

// Renderer shows progress on stderr until it is closed.
type Renderer interface {
	progress.Observer
	// Println prints a line, in any mode, above the spinner.
	Println(line string)
	// Close removes the spinner and drops later events. It may be called
	// repeatedly and from any goroutine.
	Close()
}

// New returns the Renderer for the streams and the mode.
func New(s Streams, m Mode) Renderer {
	if m == Normal && s.spins && s.errFile != nil {
		return newSpinning(s.errFile, s.ErrStyle())
	}
	return newPlain(s.Err, m)
}
