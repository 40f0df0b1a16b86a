// Command docs writes the documents that say what the program's help says: the reference,
// and the manual pages of a release.
//
//	docs -reference FILE
//	docs -man FOLDER -version VERSION -date YYYY-MM-DD
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/dindctl/dindctl/internal/cli"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("docs", flag.ContinueOnError)
	reference := flags.String("reference", "", "`FILE` of the reference")
	man := flags.String("man", "", "`FOLDER` of the manual pages")
	version := flags.String("version", "", "version in the manual pages")
	date := flags.String("date", "", "date in the manual pages, YYYY-MM-DD")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *reference == "" && *man == "" {
		return errors.New("nothing to write: give -reference or -man")
	}
	manual := cli.NewManual()
	if *reference != "" {
		if err := os.WriteFile(*reference, []byte(markdown(manual)), 0o644); err != nil {
			return err
		}
	}
	if *man == "" {
		return nil
	}
	// A page of a command that is no more must not stay.
	if err := os.RemoveAll(*man); err != nil {
		return err
	}
	if err := os.MkdirAll(*man, 0o755); err != nil {
		return err
	}
	for name, page := range manPages(manual, *version, *date) {
		if err := os.WriteFile(filepath.Join(*man, name), []byte(page), 0o644); err != nil {
			return err
		}
	}
	return nil
}
