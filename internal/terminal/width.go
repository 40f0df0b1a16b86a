package terminal

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// columnsOf returns the number of columns of text without escape sequences.
func columnsOf(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	if r < 0x300 { // U+0300 is the first combining mark
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// truncate shortens text without escape sequences to at most room columns.
// Truncated text ends in "…".
func truncate(s string, room int) string {
	if room <= 0 {
		return ""
	}
	if columnsOf(s) <= room {
		return s
	}
	room-- // for the "…"
	for i, r := range s {
		if room -= runeColumns(r); room < 0 {
			return strings.TrimRight(s[:i], " ") + "…"
		}
	}
	return s
}
