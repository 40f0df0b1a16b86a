package terminal

// resetCode ends the formatting of a Style.
const resetCode = "\x1b[0m"

// Style adds color codes to text, if enabled. It does not sanitize the text.
type Style struct {
	// Color enables color codes.
	Color bool
}

// Good formats a success.
func (s Style) Good(text string) string { return s.format("32", text) }

// Bad formats a failure.
func (s Style) Bad(text string) string { return s.format("31", text) }

// Warn formats a warning.
func (s Style) Warn(text string) string { return s.format("33", text) }

// Active formats an operation in progress.
func (s Style) Active(text string) string { return s.format("36", text) }

// Strong formats a heading.
func (s Style) Strong(text string) string { return s.format("1", text) }

// Faint formats less important text.
func (s Style) Faint(text string) string { return s.format("2", text) }

func (s Style) format(code, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + resetCode
}
