package apply

import (
	"strings"
	"testing"
)

func TestFieldChangeString(t *testing.T) {
	tests := []struct {
		change FieldChange
		want   string
	}{
		{FieldChange{"spec.replicas", float64(3), float64(1)}, "spec.replicas: 3 → 1"},
		{FieldChange{"a.image", "docker:26", "docker:29"}, "a.image: docker:26 → docker:29"},
		{FieldChange{"a", nil, []any{"x"}}, `a: added ["x"]`},
		{FieldChange{"a", map[string]any{"b": "c"}, nil}, `a: removed {"b":"c"}`},
		{FieldChange{"a", "", "x"}, `a: "" → x`},
		{FieldChange{"env[name=A].value", "(not shown)", "(not shown)"}, "env[name=A].value: changed"},
		{FieldChange{"a", "one\n two\t", strings.Repeat("é", 200)}, "a: one two → " + strings.Repeat("é", widest) + "…"},
	}
	for _, test := range tests {
		if got := test.change.String(); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}
