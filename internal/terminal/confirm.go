package terminal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
)

// ErrCannotAsk is returned by Confirm where nobody could see the question or
// answer it.
var ErrCannotAsk = errors.New("there is no terminal to ask for confirmation: add --yes to go on without being asked")

// Confirm asks a question on stderr and tells whether the line read from stdin
// is the expected answer. With "yes" expected, "y" will do, in any case; any
// other answer (the name of what will be lost, say) is to be typed exactly. An
// end of input is a no. When ctx ends first, its error is returned.
func Confirm(ctx context.Context, s Streams, question, expected string) (bool, error) {
	if !s.InTerminal || !s.ErrTerminal {
		return false, ErrCannotAsk
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	how := "[y/N]"
	if expected != "yes" {
		how = "Type " + s.ErrStyle().Strong(Sanitize(expected)) + " to go on:"
	}
	if _, err := fmt.Fprintf(s.Err, "%s %s ", Sanitize(question), how); err != nil {
		return false, fmt.Errorf("asking for confirmation: %w", err)
	}
	// A read from a terminal can't be cancelled. When ctx ends first, this
	// goroutine is left to the end of the process, which is near.
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
		fmt.Fprintln(s.Err) // the cursor stands behind the question
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
