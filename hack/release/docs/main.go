// Command docs writes the files that say what the program says: the reference and the
// manual pages of a release, from the help, and the GitLab CI components.
//
//	docs -reference FILE -components FOLDER
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
	gitlab := flags.String("components", "", "`FOLDER` of the GitLab CI components")
	man := flags.String("man", "", "`FOLDER` of the manual pages")
	version := flags.String("version", "", "version in the manual pages")
	date := flags.String("date", "", "date in the manual pages, YYYY-MM-DD")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *reference == "" && *gitlab == "" && *man == "" {
		return errors.New("nothing to write: give -reference, -components or -man")
	}
	manual := cli.NewManual()
	if *reference != "" {
		if err := os.WriteFile(*reference, []byte(markdown(manual)), 0o644); err != nil {
			return err
		}
	}
	if *gitlab != "" {
		if err := replace(*gitlab, components()); err != nil {
			return err
		}
	}
	if *man != "" {
		return replace(*man, manPages(manual, *version, *date))
	}
	return nil
}

// replace writes a folder that has nothing but these files. One of a command that is gone
// must not stay.
func replace(folder string, files map[string]string) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
