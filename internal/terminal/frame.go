package terminal

import (
	"bytes"
	"io"
	"strings"
	"time"

	"github.com/briandowns/spinner"
)

// frameTime is the duration of a frame.
const frameTime = 100 * time.Millisecond

// glyphs are the spinner's glyphs, one for each frame and one column wide.
const glyphs = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

// newSpinner returns a spinner that draws s.shown. It needs WithWriterFile,
// because the library otherwise checks whether stdout is a terminal. The
// frameWriter then replaces that writer.
func (s *spinning) newSpinner() *spinner.Spinner {
	live := spinner.New(strings.Split(glyphs, ""), frameTime,
		spinner.WithWriterFile(s.file), spinner.WithHiddenCursor(false))
	live.Writer = newFrameWriter(s.file, s.style)
	live.PreUpdate = func(live *spinner.Spinner) {
		// The glyph and the space after it take two columns. The last column stays
		// free, because some terminals wrap as soon as it is written.
		room := columns(s.file) - 3
		// Erasing only the rest of a longer frame does not flicker.
		live.Suffix = " " + s.shown.Load().line(room, s.style) + "\x1b[K"
	}
	return live
}

// frameWriter changes the library's output in two ways for which the library has
// no options.
//
// The library erases the last frame before it draws the next one. It compares the
// frame's bytes, not its columns, with the width of stdin's terminal. If it
// assumes that the frame wrapped, it also erases finished lines above. Frames
// never wrap, so frameWriter drops the erase sequences.
//
// The library also draws the glyph in white if stdout is a terminal, even with
// NO_COLOR and on a white background. frameWriter uses the style's color instead.
type frameWriter struct {
	to      io.Writer
	repaint *strings.Replacer
}

func newFrameWriter(to io.Writer, style Style) frameWriter {
	var pairs []string
	for _, glyph := range strings.Split(glyphs, "") {
		painted := style.Active(glyph)
		pairs = append(pairs, "\x1b[37m"+glyph+"\x1b[0m", painted, glyph, painted)
	}
	return frameWriter{to: to, repaint: strings.NewReplacer(pairs...)}
}

// Write implements io.Writer.
func (f frameWriter) Write(p []byte) (int, error) {
	if bytes.HasPrefix(p, []byte(eraseLine)) {
		return len(p), nil
	}
	if _, err := io.WriteString(f.to, f.repaint.Replace(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Redraw draws the frame from the top left corner, and then erases the rest of the
// screen. Erasing the screen first would flicker.
func Redraw(out io.Writer, frame []byte) error {
	var screen []byte
	screen = append(screen, "\x1b[H"...)
	for _, b := range frame {
		if b == '\n' {
			screen = append(screen, "\x1b[K"...)
		}
		screen = append(screen, b)
	}
	screen = append(screen, "\x1b[J"...)
	_, err := out.Write(screen)
	return err
}
