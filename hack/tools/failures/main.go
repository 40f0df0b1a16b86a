// Command failures reads what `go test -json` prints, shows it as `go test -v`
// would, and says at the end once more what a reader of a long log looks for
// first: the figures that tests have noted with T.Attr, and which tests failed,
// with what they said.
//
//	go test -json ./... | failures
//
// Whether the tests passed is go test's exit code to tell, not this program's.
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
