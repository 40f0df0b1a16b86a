package terminal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
)

// ErrCannotAsk is returned by Confirm when stdin or stderr is not a terminal.
var ErrCannotAsk = errors.New("not a terminal: use --yes to skip confirmation")

// Confirm asks a question on stderr and reports whether the line read from stdin
// is the expected answer. "yes" also accepts "y", and ignores case. Any other
// answer, such as a name, must match exactly. End of input is a no. If ctx ends
// first, Confirm returns its error.
func Confirm(ctx context.Context, s Streams, question, expected string) (bool, error) {
	if !s.InTerminal || !s.ErrTerminal {
		return false, ErrCannotAsk
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	prompt := "[y/N]"
	if expected != "yes" {
		prompt = "Type " + s.ErrStyle().Strong(Sanitize(expected)) + " to continue:"
	}
	if _, err := fmt.Fprintf(s.Err, "%s %s ", Sanitize(question), prompt); err != nil {
		return false, fmt.Errorf("asking for confirmation: %w", err)
	}
	// A read from a terminal cannot be canceled. If ctx ends first, the goroutine
	// runs until the process ends.
	type reply struct {
		line string
		err  error
	}
	replies := make(chan reply, 1)
	go func() {
		line, err := bufio.NewReader(s.In).ReadString('\n')
		replies <- reply{line, err}
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(s.Err) // the cursor is still after the question
		return false, ctx.Err()
	case r := <-replies:
		if r.err != nil {
			fmt.Fprintln(s.Err)
		}
		return accepted(strings.TrimSpace(r.line), expected), nil
	}
}

func accepted(answer, expected string) bool {
	if expected == "yes" {
		answer = strings.ToLower(answer)
		return answer == "y" || answer == "yes"
	}
	return answer == expected
}
