package terminal

import (
	"regexp"
	"strings"
	"unicode"
)

// escapes matches the sequences that a terminal obeys, in their 7-bit (ESC [)
// and 8-bit (U+009B) forms: control sequences such as colours; strings such as
// window titles, with their terminator; and the short ones. A string without a
// terminator loses only its introducer, so that no text can be hidden that way.
var escapes = regexp.MustCompile(
	`(?:\x1b\[|\x{9b})[0-?]*[ -/]*[@-~]` +
		`|(?:\x1b[\]PX^_]|[\x{90}\x{98}\x{9d}-\x{9f}])[^\x07\x1b\x{9c}]*(?:\x07|\x1b\\|\x{9c})` +
		`|\x1b[ -/]*[0-~]`)

// Sanitize makes text from the cluster fit for one line of a terminal: escape
// sequences and other controls are dropped, so are the marks that reverse the
// direction of writing; line breaks and tabs become one blank, or nothing at
// either end; bytes that are no UTF-8 become U+FFFD. All other text stays.
func Sanitize(s string) string {
	s = escapes.ReplaceAllString(s, "")
	var b strings.Builder
	b.Grow(len(s))
	broken, last := false, ' '
	for _, r := range s { // a byte that is no UTF-8 comes as U+FFFD
		switch {
		case isBreak(r):
			broken = true
			continue
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == '\uFEFF':
			continue
		}
		if broken && last != ' ' && r != ' ' {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
		broken, last = false, r
	}
	return b.String()
}

// SanitizeLines is Sanitize for text of several lines, such as the end of a
// container's log: it keeps the lines, and turns tabs into blanks.
func SanitizeLines(s string) string {
	lines := strings.Split(strings.ReplaceAll(s, "\t", "    "), "\n")
	for i, line := range lines {
		lines[i] = Sanitize(line)
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// isBreak tells the controls that separate words.
func isBreak(r rune) bool {
	return r >= '\t' && r <= '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029'
}
