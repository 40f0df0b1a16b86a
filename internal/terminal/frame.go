package terminal

import (
	"bytes"
	"io"
	"strings"
	"time"

	"github.com/briandowns/spinner"
)

// frameTime is how long one picture of the spinner stands.
const frameTime = 100 * time.Millisecond

// glyphs are the spinner's pictures, one column each.
const glyphs = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

// newSpinner makes a spinner that draws s.shown. It is made by WithWriterFile,
// as the library would otherwise ask stdout whether it is a terminal, and then
// given a frameWriter.
func (s *spinning) newSpinner() *spinner.Spinner {
	live := spinner.New(strings.Split(glyphs, ""), frameTime,
		spinner.WithWriterFile(s.file), spinner.WithHiddenCursor(false))
	live.Writer = newFrameWriter(s.file, s.style)
	live.PreUpdate = func(live *spinner.Spinner) {
		// One column for the glyph, one for the blank after it; the last one
		// stays free, since some terminals wrap as soon as it is written.
		room := columns(s.file) - 3
		// Erasing what a longer frame left, and only that, does not flicker.
		live.Suffix = " " + s.shown.Load().line(room, s.style) + "\x1b[K"
	}
	return live
}

// frameWriter stands between the library and the terminal and corrects two
// things it has no options for.
//
// The library erases before each frame. For that it counts the bytes of the
// last one, not its columns, and compares them to the width of stdin's
// terminal; when it thinks that the frame wrapped, it climbs and erases
// finished lines too. Frames never wrap, so its erasing is dropped.
//
// And it paints the glyph white if stdout is a terminal, whatever NO_COLOR
// says, and though white may be the background. The glyph gets the style's own
// paint.
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
