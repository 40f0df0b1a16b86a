package terminal

import (
	"regexp"
	"strings"
	"unicode"
)

// escapes matches escape sequences in their 7-bit (ESC [) and 8-bit (U+009B)
// forms: control sequences such as colors, control strings such as window titles,
// and short sequences. Of a control string without a terminator it matches only
// the introducer, so that such a string cannot hide the text after it.
var escapes = regexp.MustCompile(
	`(?:\x1b\[|\x{9b})[0-?]*[ -/]*[@-~]` +
		`|(?:\x1b[\]PX^_]|[\x{90}\x{98}\x{9d}-\x{9f}])[^\x07\x1b\x{9c}]*(?:\x07|\x1b\\|\x{9c})` +
		`|\x1b[ -/]*[0-~]`)

// Sanitize makes text from the cluster safe for one line of a terminal. It drops
// escape sequences, control characters and bidirectional controls. It replaces
// line breaks and tabs with one space, or with nothing at either end, and invalid
// UTF-8 with U+FFFD.
func Sanitize(s string) string {
	s = escapes.ReplaceAllString(s, "")
	var b strings.Builder
	b.Grow(len(s))
	broken, last := false, ' '
	for _, r := range s { // range yields U+FFFD for invalid UTF-8
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

// SanitizeLines sanitizes each line of a text, such as the end of a container's
// log. It replaces tabs with spaces and drops empty lines at the end.
func SanitizeLines(s string) string {
	lines := strings.Split(strings.ReplaceAll(s, "\t", "    "), "\n")
	for i, line := range lines {
		lines[i] = Sanitize(line)
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// isBreak reports whether r is a tab or a line break.
func isBreak(r rune) bool {
	return r >= '\t' && r <= '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029'
}
