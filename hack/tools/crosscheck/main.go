// Command crosscheck type-checks packages and their tests for other operating systems. It
// reads all that they import from source: go vet would compile it, which takes twenty times
// as long. It prints the errors, and exits with 1 if there are any.
//
//	crosscheck windows,darwin ./...
package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/tools/go/packages"
)

func main() {
	failed := false
	for system := range strings.SplitSeq(os.Args[1], ",") {
		loaded, err := packages.Load(&packages.Config{
			Mode: packages.NeedName | packages.NeedFiles | packages.NeedImports | packages.NeedDeps |
				packages.NeedTypes | packages.NeedTypesSizes | packages.NeedSyntax | packages.NeedTypesInfo,
			Tests: true, Env: append(os.Environ(), "GOOS="+system),
		}, os.Args[2:]...)
		if err != nil {
			fmt.Fprintln(os.Stderr, "crosscheck:", err)
			os.Exit(1)
		}
		if n := packages.PrintErrors(loaded); n > 0 {
			fmt.Fprintf(os.Stderr, "crosscheck: %d errors for %s\n", n, system)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}
