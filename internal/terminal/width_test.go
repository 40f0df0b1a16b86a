package terminal

import "testing"

func TestCut(t *testing.T) {
	tests := map[string]struct {
		in   string
		room int
		want string
	}{
		"fits":                      {"claim", 5, "claim"},
		"too long":                  {"claim", 4, "cla…"},
		"no blank before the dots":  {"a claim", 3, "a…"},
		"one column":                {"claim", 1, "…"},
		"no room":                   {"claim", 0, ""},
		"less than no room":         {"claim", -3, ""},
		"empty":                     {"", 3, ""},
		"letters of two bytes":      {"größe", 5, "größe"},
		"wide letters fit":          {"容量", 4, "容量"},
		"wide letters are not cut":  {"容量不足", 6, "容量…"},
		"combining marks take none": {"e\u0301a", 2, "e\u0301a"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := cut(tt.in, tt.room)
			if got != tt.want {
				t.Errorf("cut(%q, %d) = %q, want %q", tt.in, tt.room, got, tt.want)
			}
			if columnsOf(got) > max(tt.room, 0) {
				t.Errorf("cut(%q, %d) takes %d columns", tt.in, tt.room, columnsOf(got))
			}
		})
	}
}
