package terminal

import "io"

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
