package terminal

import (
	"io"
	"os"

	"golang.org/x/term"
)

// defaultWidth is the width if no terminal reports one.
const defaultWidth = 80

// Streams are a command's standard streams. A literal with buffers is a command
// without a terminal.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer

	// InTerminal, OutTerminal and ErrTerminal report which streams are terminals.
	InTerminal, OutTerminal, ErrTerminal bool
	// OutColor and ErrColor report whether each stream may have color codes.
	OutColor, ErrColor bool
	// Width is the number of columns of stdout's terminal, otherwise of stderr's,
	// otherwise 80. Zero means unknown.
	Width int

	// spins allows a spinner on errFile. The spinner needs the file to read the
	// terminal's width for each frame.
	spins   bool
	errFile *os.File
}

// NewStreams returns the Streams for the files. getenv is a function like
// os.Getenv. Only NewStreams reads NO_COLOR, TERM and CI.
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

// WithoutColor returns the streams with color disabled (--no-color). The spinner
// stays enabled.
func (s Streams) WithoutColor() Streams {
	s.OutColor, s.ErrColor = false, false
	return s
}

// OutStyle returns the style for text on stdout.
func (s Streams) OutStyle() Style { return Style{Color: s.OutColor} }

// ErrStyle returns the style for text on stderr.
func (s Streams) ErrStyle() Style { return Style{Color: s.ErrColor} }

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// columns returns the current width of a terminal. Some terminals, such as serial
// lines, report none.
func columns(f *os.File) int {
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
		return w
	}
	return defaultWidth
}
