//go:build linux

package terminal

import (
	"os"
	"testing"
)

func TestNewStreams(t *testing.T) {
	type facts struct {
		in, out, err, outColor, errColor, spins bool
		width                                   int
	}
	const in, out, err = 1, 2, 4 // which are terminals
	tests := map[string]struct {
		terminals int
		vars      map[string]string
		want      facts
	}{
		"all terminals":               {in | out | err, nil, facts{true, true, true, true, true, true, 70}},
		"no terminals":                {0, nil, facts{width: 80}},
		"stdout is a file":            {in | err, nil, facts{in: true, err: true, errColor: true, spins: true, width: 90}},
		"stderr is a file":            {in | out, nil, facts{in: true, out: true, outColor: true, width: 70}},
		"NO_COLOR":                    {out | err, map[string]string{"NO_COLOR": "1"}, facts{out: true, err: true, spins: true, width: 70}},
		"TERM=xterm":                  {out | err, map[string]string{"TERM": "xterm"}, facts{false, true, true, true, true, true, 70}},
		"TERM=dumb":                   {out | err, map[string]string{"TERM": "dumb"}, facts{out: true, err: true, width: 70}},
		"CI=true":                     {out | err, map[string]string{"CI": "true"}, facts{false, true, true, true, true, false, 70}},
		"CI=1":                        {out | err, map[string]string{"CI": "1"}, facts{false, true, true, true, true, false, 70}},
		"CI=false":                    {out | err, map[string]string{"CI": "false"}, facts{false, true, true, true, true, true, 70}},
		"no color without a terminal": {0, map[string]string{"TERM": "xterm"}, facts{width: 80}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			null, e := os.OpenFile(os.DevNull, os.O_RDWR, 0)
			if e != nil {
				t.Fatal(e)
			}
			defer null.Close()
			pick := func(bit int, columns uint16) *os.File {
				if tt.terminals&bit == 0 {
					return null
				}
				return newPty(t, columns).tty
			}
			s := NewStreams(pick(in, 60), pick(out, 70), pick(err, 90), environment(tt.vars))
			got := facts{s.InTerminal, s.OutTerminal, s.ErrTerminal, s.OutColor, s.ErrColor, s.spins, s.Width}
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if s.OutStyle().Color != s.OutColor || s.ErrStyle().Color != s.ErrColor {
				t.Error("the styles' colors differ from those of the streams")
			}
			plain := s.WithoutColor()
			if plain.OutColor || plain.ErrColor || plain.spins != s.spins {
				t.Errorf("WithoutColor: %+v", plain)
			}
		})
	}
}

func TestNew(t *testing.T) {
	p := newPty(t, 80)
	tests := map[string]struct {
		mode     Mode
		vars     map[string]string
		spinning bool
	}{
		"terminal":  {Normal, nil, true},
		"NO_COLOR":  {Normal, map[string]string{"NO_COLOR": "1"}, true},
		"quiet":     {Quiet, nil, false},
		"verbose":   {Verbose, nil, false},
		"TERM=dumb": {Normal, map[string]string{"TERM": "dumb"}, false},
		"CI=true":   {Normal, map[string]string{"CI": "true"}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := New(on(t, p, tt.vars), tt.mode)
			defer r.Close()
			if _, ok := r.(*spinning); ok != tt.spinning {
				t.Errorf("New returned a %T", r)
			}
		})
	}
}
