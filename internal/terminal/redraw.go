package terminal

import "io"

// Redraw replaces what is on a terminal by the frame, from the top left
// corner. What is erased is what the frame does not cover, after it is drawn:
// erasing first would flicker.
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
