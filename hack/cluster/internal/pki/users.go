package pki

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
)

// User is a user of the API server.
type User struct {
	Name   string // in the cluster, for RBAC
	File   string // of the kubeconfig
	Groups []string
}

// people are the users of the tests, who have tokens: one may do everything, one
// nothing, and one what a test permits.
var people = []User{
	{Name: "admin", File: "admin", Groups: []string{"system:masters"}},
	{Name: "restricted", File: "restricted"},
	{Name: "developer", File: "developer", Groups: []string{"developers"}},
}

// machinery are the components, which have certificates. The API server has built-in
// roles for their names; Apply in package control binds those of CoreDNS and kube-router.
func machinery(nodes map[string]string) []User {
	users := []User{
		{Name: "system:kube-controller-manager", File: "kube-controller-manager"},
		{Name: "system:kube-scheduler", File: "kube-scheduler"},
		{Name: "system:kube-proxy", File: "kube-proxy"},
		{Name: DNSUser, File: "coredns"},
		{Name: PolicyUser, File: "kube-router"},
	}
	for file, node := range nodes {
		users = append(users, User{Name: "system:node:" + node, File: file, Groups: []string{"system:nodes"}})
	}
	return users
}

// The users of CoreDNS and kube-router.
const (
	DNSUser    = "dindctl:coredns"
	PolicyUser = "dindctl:kube-router"
)

// PeopleNames returns the names that `kubeconfig --user` accepts.
func PeopleNames() []string {
	var names []string
	for _, person := range people {
		names = append(names, person.Name)
	}
	return names
}

// EnsureUsers writes the token file and a kubeconfig for each user, unless they exist.
// Nodes has the name of each node by the file of its kubelet's kubeconfig.
// The API server reads the tokens only when it starts. A certificate is valid at once:
// a component can be added to a cluster that has run without it.
func EnsureUsers(p paths.Paths, pkiDirectory, server string, nodes map[string]string) error {
	authority, err := loadAuthority(pkiDirectory)
	if err != nil {
		return fmt.Errorf("reading the certificate authority: %w", err)
	}
	write := func(user User, credentials object) error {
		return paths.WriteFile(p.Kubeconfig(user.File), kubeconfig(server, authority.pem(), user.Name, credentials), 0o600)
	}
	for _, user := range machinery(nodes) {
		if _, err := os.Stat(p.Kubeconfig(user.File)); err == nil {
			continue
		}
		certificate, key, err := authority.client(user)
		if err != nil {
			return fmt.Errorf("issuing the certificate of %s: %w", user.Name, err)
		}
		if err := write(user, object{"client-certificate-data": certificate, "client-key-data": key}); err != nil {
			return fmt.Errorf("writing kubeconfigs: %w", err)
		}
	}
	tokens := filepath.Join(pkiDirectory, "tokens.csv")
	if _, err := os.Stat(tokens); err == nil {
		return nil
	}
	var lines strings.Builder
	for _, user := range people {
		token := rand.Text()
		fmt.Fprintln(&lines, tokenLine(token, user))
		if err := write(user, object{"token": token}); err != nil {
			return fmt.Errorf("writing kubeconfigs: %w", err)
		}
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

type object map[string]any

// kubeconfig returns a kubeconfig in JSON, which is valid YAML.
func kubeconfig(server string, ca []byte, user string, credentials object) []byte {
	data, err := json.MarshalIndent(object{
		"apiVersion":      "v1",
		"kind":            "Config",
		"current-context": "dindctl",
		"clusters":        []object{{"name": "dindctl", "cluster": object{"server": server, "certificate-authority-data": ca}}},
		"users":           []object{{"name": user, "user": credentials}},
		"contexts":        []object{{"name": "dindctl", "context": object{"cluster": "dindctl", "user": user}}},
	}, "", "  ")
	if err != nil {
		panic(err) // strings and bytes always marshal
	}
	return append(data, '\n')
}
