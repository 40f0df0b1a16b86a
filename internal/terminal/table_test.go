package terminal

import (
	"bytes"
	"testing"
)

func TestTable(t *testing.T) {
	fill := func(style Style) *Table {
		table := NewTable(style)
		table.Header("KIND", "NAME", "STATE", "DETAIL")
		table.Row("Deployment", "docker-dind", style.Good("ready"), "1 of 1")
		table.Row("Service", "docker-dind", style.Bad("missing"), "")
		table.Row("容量", "docker-dind-data", "", "waits\nfor "+style.Warn("you"))
		table.Row("", "x")
		return table
	}
	tests := map[string]struct {
		style Style
		want  string
	}{
		"plain": {Style{}, "" +
			"KIND         NAME               STATE     DETAIL\n" +
			"Deployment   docker-dind        ready     1 of 1\n" +
			"Service      docker-dind        missing\n" +
			"容量         docker-dind-data             waits for you\n" +
			"             x\n"},
		"color": {Style{Color: true}, "" +
			"\x1b[1mKIND\x1b[0m         \x1b[1mNAME\x1b[0m               \x1b[1mSTATE\x1b[0m     \x1b[1mDETAIL\x1b[0m\n" +
			"Deployment   docker-dind        \x1b[32mready\x1b[0m     1 of 1\n" +
			"Service      docker-dind        \x1b[31mmissing\x1b[0m\n" +
			"容量         docker-dind-data             waits for \x1b[33myou\x1b[0m\n" +
			"             x\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			n, err := fill(tt.style).WriteTo(&out)
			if err != nil || int(n) != out.Len() {
				t.Errorf("WriteTo = %d, %v", n, err)
			}
			if out.String() != tt.want {
				t.Errorf("got\n%s\nwant\n%s", out.String(), tt.want)
			}
		})
	}
}

func TestTableSanitizesCells(t *testing.T) {
	tests := map[string]struct {
		style      Style
		cell, want string
	}{
		"color in a table without color": {Style{}, "\x1b[31mred\x1b[0m", "red\n"},
		"codes of no Style":              {Style{Color: true}, "\x1b[8mhidden\x1b[5m", "hidden\n"},
		"color and erase code":           {Style{Color: true}, "\x1b[32mok\x1b[0m\x1b[2J", "\x1b[32mok\x1b[0m\n"},
		"unclosed color":                 {Style{Color: true}, "\x1b[31mred", "\x1b[31mred\x1b[0m\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			table := NewTable(tt.style)
			table.Row(tt.cell)
			table.WriteTo(&out)
			if out.String() != tt.want {
				t.Errorf("got %q, want %q", out.String(), tt.want)
			}
		})
	}
}

func TestStyle(t *testing.T) {
	on, off := Style{Color: true}, Style{}
	tests := map[string]struct {
		format func(Style, string) string
		want   string
	}{
		"good":   {Style.Good, "\x1b[32mx\x1b[0m"},
		"bad":    {Style.Bad, "\x1b[31mx\x1b[0m"},
		"warn":   {Style.Warn, "\x1b[33mx\x1b[0m"},
		"active": {Style.Active, "\x1b[36mx\x1b[0m"},
		"strong": {Style.Strong, "\x1b[1mx\x1b[0m"},
		"faint":  {Style.Faint, "\x1b[2mx\x1b[0m"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.format(on, "x"); got != tt.want {
				t.Errorf("with color: got %q, want %q", got, tt.want)
			}
			if got := tt.format(off, "x"); got != "x" {
				t.Errorf("without color: got %q, want %q", got, "x")
			}
			if got := tt.format(on, ""); got != "" {
				t.Errorf("empty text: got %q, want nothing", got)
			}
			if !styleCodes.MatchString(tt.want) {
				t.Error("a table does not allow this code")
			}
		})
	}
}
