package terminal

import (
	"io"
	"os"

	"golang.org/x/term"
)

// defaultWidth is assumed where no terminal tells its own.
const defaultWidth = 80

// Streams are a command's standard streams and what is known of them. A
// literal with buffers is a command that runs without any terminal.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer

	// InTerminal, OutTerminal and ErrTerminal tell which are terminals.
	InTerminal, OutTerminal, ErrTerminal bool
	// OutColor and ErrColor tell whether colour codes may be written to each.
	OutColor, ErrColor bool
	// Width is the number of columns of stdout's terminal, else of stderr's;
	// 80 without either. Zero, in a literal, is unknown.
	Width int

	// spins allows a spinner on errFile. It takes the file itself: the
	// terminal is asked for its width at each frame, as it may be resized.
	spins   bool
	errFile *os.File
}

// NewStreams finds out what the files are. The environment comes as a function
// like os.Getenv; it is read for NO_COLOR, TERM and CI, and only here.
func NewStreams(in, out, err *os.File, getenv func(string) string) Streams {
	s := Streams{
		In: in, Out: out, Err: err,
		InTerminal:  isTerminal(in),
		OutTerminal: isTerminal(out),
		ErrTerminal: isTerminal(err),
		errFile:     err,
	}
	dumb := getenv("TERM") == "dumb"
	color := !dumb && getenv("NO_COLOR") == ""
	s.OutColor = s.OutTerminal && color
	s.ErrColor = s.ErrTerminal && color

	ci := getenv("CI")
	s.spins = s.ErrTerminal && !dumb && (ci == "" || ci == "false")

	switch {
	case s.OutTerminal:
		s.Width = columns(out)
	case s.ErrTerminal:
		s.Width = columns(err)
	default:
		s.Width = defaultWidth
	}
	return s
}

// WithoutColor returns the same streams with colour off, as --no-color asks. A
// spinner may still run.
func (s Streams) WithoutColor() Streams {
	s.OutColor, s.ErrColor = false, false
	return s
}

// OutStyle is the style for text on stdout.
func (s Streams) OutStyle() Style { return Style{Color: s.OutColor} }

// ErrStyle is the style for text on stderr.
func (s Streams) ErrStyle() Style { return Style{Color: s.ErrColor} }

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// columns is the width of a terminal now. Some report none (a serial line, a
// pty that nobody sized).
func columns(f *os.File) int {
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
		return w
	}
	return defaultWidth
}
