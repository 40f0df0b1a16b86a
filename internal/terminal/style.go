package terminal

// unpaint ends the paint of a Style.
const unpaint = "\x1b[0m"

// Style paints text where colour is allowed and leaves it alone elsewhere. It
// only paints: text from the cluster goes through Sanitize before.
type Style struct {
	// Color tells whether codes may be written.
	Color bool
}

// Good is for what is as it should be.
func (s Style) Good(text string) string { return s.paint("32", text) }

// Bad is for what failed.
func (s Style) Bad(text string) string { return s.paint("31", text) }

// Warn is for what needs attention.
func (s Style) Warn(text string) string { return s.paint("33", text) }

// Active is for what is going on.
func (s Style) Active(text string) string { return s.paint("36", text) }

// Strong is for headings.
func (s Style) Strong(text string) string { return s.paint("1", text) }

// Faint is for what may be passed over.
func (s Style) Faint(text string) string { return s.paint("2", text) }

func (s Style) paint(code, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + unpaint
}
