package main

import (
	"strings"

	"github.com/dindctl/dindctl/internal/dind"
)

// Where a component's inputs go. GitLab replaces them in the text of the file.
const (
	namespaceInput = "$[[ inputs.namespace ]]"
	nameInput      = "$[[ inputs.name ]]"
)

// installations are the kinds of installations that jobs connect to in different ways, by
// the file name of the component.
var installations = map[string]dind.Options{
	"dindctl.yml":              {},
	"dindctl-tls.yml":          {TLS: true},
	"dindctl-replicas.yml":     {Replicas: "2"},
	"dindctl-replicas-tls.yml": {Replicas: "2", TLS: true},
}

// components returns the GitLab CI components by their file names.
func components() map[string]string {
	files := map[string]string{}
	for name, options := range installations {
		options.Namespace, options.Name = namespaceInput, nameInput
		files[name] = render("component.yml.tmpl", struct {
			Default string
			Access  dind.Access
		}{dind.DefaultName, dind.AccessTo(options)})
	}
	return files
}

// indent returns the lines of a script in a job's list.
func indent(script string) string {
	return "      " + strings.ReplaceAll(strings.TrimRight(script, "\n"), "\n", "\n      ")
}
