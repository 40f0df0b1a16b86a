package pki

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
)

// User is a user whom the API server authenticates by a token.
type User struct {
	Name   string // in the cluster, for RBAC
	File   string // of the kubeconfig
	Groups []string
}

// people are the users of the tests: one may do everything, one nothing, and one
// what a test permits.
var people = []User{
	{Name: "admin", File: "admin", Groups: []string{"system:masters"}},
	{Name: "restricted", File: "restricted"},
	{Name: "developer", File: "developer", Groups: []string{"developers"}},
}

// machinery are the components. The API server has built-in roles for these names.
func machinery(nodeName string) []User {
	return []User{
		{Name: "system:kube-controller-manager", File: "kube-controller-manager"},
		{Name: "system:kube-scheduler", File: "kube-scheduler"},
		{Name: "system:kube-proxy", File: "kube-proxy"},
		{Name: "system:node:" + nodeName, File: "kubelet", Groups: []string{"system:nodes"}},
		{Name: DNSUser, File: "coredns"},
	}
}

// DNSUser is the user of CoreDNS; Apply in package control binds its role.
const DNSUser = "dindctl:coredns"

// PeopleNames returns the names that `kubeconfig --user` accepts.
func PeopleNames() []string {
	var names []string
	for _, person := range people {
		names = append(names, person.Name)
	}
	return names
}

// EnsureUsers writes the token file and a kubeconfig for each user, unless they
// exist.
func EnsureUsers(p paths.Paths, pkiDirectory, server, nodeName string) error {
	tokens := filepath.Join(pkiDirectory, "tokens.csv")
	if _, err := os.Stat(tokens); err == nil {
		return nil
	}
	certificate, err := os.ReadFile(filepath.Join(pkiDirectory, CA+".crt"))
	if err != nil {
		return err
	}
	var lines strings.Builder
	var failed error
	for _, user := range append(machinery(nodeName), people...) {
		token := rand.Text()
		fmt.Fprintln(&lines, tokenLine(token, user))
		failed = errors.Join(failed, paths.WriteFile(p.Kubeconfig(user.File), kubeconfig(server, certificate, user.Name, token), 0o600))
	}
	if failed != nil {
		return fmt.Errorf("writing kubeconfigs: %w", failed)
	}
	return paths.WriteFile(tokens, []byte(lines.String()), 0o600)
}

// tokenLine leaves the last column out where there are no groups: an empty one
// is a group without a name.
func tokenLine(token string, user User) string {
	line := strings.Join([]string{token, user.Name, user.Name}, ",")
	if len(user.Groups) == 0 {
		return line
	}
	return line + `,"` + strings.Join(user.Groups, ",") + `"`
}

// kubeconfig returns a kubeconfig in JSON, which is valid YAML.
func kubeconfig(server string, certificate []byte, user, token string) []byte {
	type object map[string]any
	data, err := json.MarshalIndent(object{
		"apiVersion":      "v1",
		"kind":            "Config",
		"current-context": "dindctl",
		"clusters":        []object{{"name": "dindctl", "cluster": object{"server": server, "certificate-authority-data": certificate}}},
		"users":           []object{{"name": user, "user": object{"token": token}}},
		"contexts":        []object{{"name": "dindctl", "context": object{"cluster": "dindctl", "user": user}}},
	}, "", "  ")
	if err != nil {
		panic(err) // strings and bytes always marshal
	}
	return append(data, '\n')
}
