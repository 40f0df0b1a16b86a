package main

import (
	"embed"
	"regexp"
	"strings"
	"text/template"

	"github.com/dindctl/dindctl/internal/cli"
)

//go:embed *.tmpl
var files embed.FS

// markdown returns the reference.
func markdown(manual cli.Manual) string { return render("reference.md.tmpl", manual) }

// manPages returns the pages of section 1 by their file names: one of the program and one of
// each command. The date is in ISO 8601.
func manPages(manual cli.Manual, version, date string) map[string]string {
	type page struct {
		cli.Manual
		Title, Version, Date string
	}
	pages := map[string]string{}
	add := func(m cli.Manual) {
		pages[title(m.Name)+".1"] = render("page.1.tmpl", page{m, title(m.Name), version, date})
	}
	add(manual)
	for _, command := range manual.Commands {
		add(cli.Manual{Page: command, Environment: manual.Environment, ExitCodes: manual.ExitCodes})
	}
	return pages
}

// render fills in a template of this package. It panics on a template's mistake.
func render(name string, data any) string {
	var b strings.Builder
	parsed := template.Must(template.New(name).Funcs(template.FuncMap{
		"anchor": title, "title": title, "upper": strings.ToUpper, "trim": strings.TrimSpace,
		"cell": cell, "sentence": sentence, "roff": roff, "option": option, "indent": indent,
	}).ParseFS(files, name))
	if err := parsed.Execute(&b, data); err != nil {
		panic(err)
	}
	return b.String()
}

// title returns the name of a command's page, and the anchor of its heading.
func title(name string) string { return strings.ReplaceAll(name, " ", "-") }

// cell returns text for a cell of a Markdown table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] + "." }

var quoted = regexp.MustCompile("`([^`]*)`")

// roff returns text as man(7) has it: words in backquotes are bold, and no line is a request.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	text = quoted.ReplaceAllString(text, `\fB$1\fR`)
	lines := strings.Split(text, "\n")
	for n, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[n] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}

// option returns an option in bold, and its value in italics.
func option(name string) string {
	words := strings.Fields(name)
	for n, word := range words {
		font := `\fI`
		if strings.HasPrefix(word, "-") {
			font = `\fB`
		}
		bare := strings.TrimSuffix(word, ",")
		words[n] = font + roff(bare) + `\fR` + word[len(bare):]
	}
	return strings.Join(words, " ")
}
