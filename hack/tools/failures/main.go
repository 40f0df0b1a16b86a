// Command failures reads the output of `go test -json` and prints it as `go test
// -v` does. At the end it repeats what a reader of a long log looks for first: the
// figures that tests have recorded with T.Attr, the tests that failed, with their
// output, and the tests that did not end.
//
//	go test -json ./... | failures
//
// Its exit code does not depend on the tests: go test's does.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := show(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "failures:", err)
		os.Exit(1)
	}
}
