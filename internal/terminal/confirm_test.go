package terminal

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestConfirm(t *testing.T) {
	const yesNo = "Delete everything? [y/N] "
	const typeName = "Delete everything? Type docker-dind to continue: "
	tests := map[string]struct {
		in, expected string
		want         bool
		prompt       string
	}{
		"yes":                            {"yes\n", "yes", true, yesNo},
		"y":                              {"y\n", "yes", true, yesNo},
		"upper case and spaces":          {" Y \r\n", "yes", true, yesNo},
		"no":                             {"n\n", "yes", false, yesNo},
		"empty line is a no":             {"\n", "yes", false, yesNo},
		"end of input is a no":           {"", "yes", false, yesNo + "\n"},
		"name":                           {"docker-dind\n", "docker-dind", true, typeName},
		"other name":                     {"docker\n", "docker-dind", false, typeName},
		"name in other case":             {"Docker-Dind\n", "docker-dind", false, typeName},
		"yes instead of the name":        {"yes\n", "docker-dind", false, typeName},
		"empty line instead of the name": {"\n", "docker-dind", false, typeName},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out, err bytes.Buffer
			s := Streams{In: strings.NewReader(tt.in), Out: &out, Err: &err, InTerminal: true, ErrTerminal: true}
			got, e := Confirm(t.Context(), s, "Delete\neverything?\x1b[2J", tt.expected)
			if got != tt.want || e != nil {
				t.Errorf("Confirm = %v, %v; want %v", got, e, tt.want)
			}
			if err.String() != tt.prompt {
				t.Errorf("prompt %q, want %q", err.String(), tt.prompt)
			}
			if out.Len() > 0 {
				t.Errorf("stdout is %q, want nothing", out.String())
			}
		})
	}
}

func TestConfirmWithoutTerminal(t *testing.T) {
	for name, s := range map[string]Streams{
		"stdin":  {ErrTerminal: true},
		"stderr": {InTerminal: true},
	} {
		t.Run(name, func(t *testing.T) {
			var err bytes.Buffer
			s.In, s.Err = strings.NewReader("yes\n"), &err
			got, e := Confirm(t.Context(), s, "Delete?", "yes")
			if got || !errors.Is(e, ErrCannotAsk) || !strings.Contains(e.Error(), "--yes") {
				t.Errorf("Confirm = %v, %v", got, e)
			}
			if err.Len() > 0 {
				t.Errorf("stderr is %q, want nothing", err.String())
			}
		})
	}
}

func TestConfirmInterrupted(t *testing.T) {
	in, answer := io.Pipe()
	defer answer.Close()
	ctx, cancel := context.WithCancel(t.Context())
	// The context is canceled while the question is displayed.
	err := &onWrite{do: cancel}
	s := Streams{In: in, Err: err, InTerminal: true, ErrTerminal: true}
	got, e := Confirm(ctx, s, "Delete?", "yes")
	if got || !errors.Is(e, context.Canceled) {
		t.Errorf("Confirm = %v, %v", got, e)
	}
	if want := "Delete? [y/N] \n"; err.String() != want {
		t.Errorf("prompt %q, want %q", err.String(), want)
	}

	err.Reset()
	if got, e = Confirm(ctx, s, "Delete?", "yes"); got || !errors.Is(e, context.Canceled) || err.Len() > 0 {
		t.Errorf("after the interruption: Confirm = %v, %v, stderr %q", got, e, err.String())
	}
}

type onWrite struct {
	bytes.Buffer
	do func()
}

func (w *onWrite) Write(p []byte) (int, error) {
	w.do()
	return w.Buffer.Write(p)
}
