package terminal

import "testing"

func TestTruncate(t *testing.T) {
	tests := map[string]struct {
		in   string
		room int
		want string
	}{
		"fits":                          {"claim", 5, "claim"},
		"too long":                      {"claim", 4, "cla…"},
		"no space before the ellipsis":  {"a claim", 3, "a…"},
		"one column":                    {"claim", 1, "…"},
		"zero columns":                  {"claim", 0, ""},
		"negative columns":              {"claim", -3, ""},
		"empty":                         {"", 3, ""},
		"two-byte characters":           {"größe", 5, "größe"},
		"wide characters":               {"容量", 4, "容量"},
		"wide characters are not split": {"容量不足", 6, "容量…"},
		"combining marks":               {"e\u0301a", 2, "e\u0301a"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := truncate(tt.in, tt.room)
			if got != tt.want {
				t.Errorf("truncate(%q, %d) = %q, want %q", tt.in, tt.room, got, tt.want)
			}
			if columnsOf(got) > max(tt.room, 0) {
				t.Errorf("truncate(%q, %d) has %d columns", tt.in, tt.room, columnsOf(got))
			}
		})
	}
}
