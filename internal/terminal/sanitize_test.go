package terminal

import (
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestSanitize(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"plain text":                     {"pod docker-dind-7d9f is ready", "pod docker-dind-7d9f is ready"},
		"UTF-8":                          {"größer als 2 TiB — 容量不足 🐳", "größer als 2 TiB — 容量不足 🐳"},
		"spaces":                         {"  a   b ", "  a   b "},
		"line breaks":                    {"first\r\n\tsecond\n", "first second"},
		"line breaks beside spaces":      {"a \n b\n c \nd", "a  b c d"},
		"all kinds of breaks":            {"a\vb\fc\u0085d\u2028e\u2029f", "a b c d e f"},
		"color":                          {"\x1b[1;31mred\x1b[0m alert", "red alert"},
		"color, 8-bit":                   {"\u009b31mred", "red"},
		"cursor and erase sequences":     {"gone\x1b[2J\x1b[H\x1b[?25l!", "gone!"},
		"window title":                   {"\x1b]0;owned\x07text", "text"},
		"window title, other terminator": {"\x1b]0;owned\x1b\\text", "text"},
		"window title, 8-bit":            {"\u009d0;owned\u009ctext", "text"},
		"link":                           {"\x1b]8;;http://x\x1b\\click\x1b]8;;\x1b\\", "click"},
		"unterminated string":            {"\x1b]0;all of this", "0;all of this"},
		"device control string":          {"\x1bPq#0\x1b\\text", "text"},
		"reset and charset":              {"\x1bc\x1b(0text", "text"},
		"single escape":                  {"a\x1b", "a"},
		"truncated sequence":             {"a\x1b[31", "a31"},
		"sequence within a sequence":     {"\x1b\x1b[0m[31mred", "[31mred"},
		"backspace, bell, null, delete":  {"a\b\a\x00\x7fb", "ab"},
		"C1 controls":                    {"a\u0084b", "ab"},
		"bidirectional controls":         {"user\u202egnp.exe\u2066x\ufeff", "usergnp.exex"},
		"invalid UTF-8":                  {"a\x9b31mb\xff", "a\uFFFD31mb\uFFFD"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Sanitize(tt.in); got != tt.want {
				t.Errorf("Sanitize(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestSanitizeLines(t *testing.T) {
	in := "\x1b[31mERRO\x1b[0m[0001] failed\r\n\tat main.go:1\n  indented\n\n"
	want := "ERRO[0001] failed\n    at main.go:1\n  indented"
	if got := SanitizeLines(in); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzSanitize(f *testing.F) {
	f.Add("\x1b\x1b[0m[31mred\u009d0;t\x07")
	f.Add("a\xff\x9b\u202e\n")
	f.Fuzz(func(t *testing.T, s string) {
		got := Sanitize(s)
		if !utf8.ValidString(got) {
			t.Errorf("Sanitize(%q) = %q: invalid UTF-8", s, got)
		}
		for _, r := range got {
			if unicode.IsControl(r) {
				t.Errorf("Sanitize(%q) = %q: contains %U", s, got, r)
			}
		}
		if again := Sanitize(got); again != got {
			t.Errorf("Sanitize(%q) = %q, sanitized again %q", s, got, again)
		}
	})
}
