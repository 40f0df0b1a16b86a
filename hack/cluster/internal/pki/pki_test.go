package pki

import (
	"crypto/tls"
	"crypto/x509"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
)

func TestTokenLine(t *testing.T) {
	cases := map[string]struct {
		user User
		want string
	}{
		"no group":   {User{Name: "restricted"}, "t,restricted,restricted"},
		"two groups": {User{Name: "a", Groups: []string{"x", "y"}}, `t,a,a,"x,y"`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := tokenLine("t", c.user); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestEnsureKeepsCredentials(t *testing.T) {
	state := t.TempDir()
	directory := filepath.Join(state, "pki")
	p := paths.Paths{State: state}
	ensure := func() []byte {
		t.Helper()
		if err := Ensure(directory, "198.18.77.2", "10.96.0.1", "node"); err != nil {
			t.Fatal(err)
		}
		if err := EnsureUsers(p, directory, "https://198.18.77.2:6443", map[string]string{KubeletServer: "node"}); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(p.Kubeconfig("admin"))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	if first, second := ensure(), ensure(); string(first) != string(second) {
		t.Error("a second run changes the admin's kubeconfig")
	}

	// A component that the cluster has run without is added, and nothing else changes.
	before := contents(t, state)
	if err := os.Remove(p.Kubeconfig("kube-router")); err != nil {
		t.Fatal(err)
	}
	ensure()
	after := contents(t, state)
	for name, content := range before {
		got, exists := after[name]
		if again := name == p.Kubeconfig("kube-router"); !exists || (got != content) != again {
			t.Errorf("%s: exists %v, changed %v", name, exists, got != content)
		}
	}
}

// contents returns the files in a directory and below it.
func contents(t *testing.T, directory string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		files[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// The API server takes a component's name and groups from its certificate.
func TestClientCertificate(t *testing.T) {
	directory := t.TempDir()
	if err := Ensure(directory, "198.18.77.2", "10.96.0.1", "node"); err != nil {
		t.Fatal(err)
	}
	authority, err := loadAuthority(directory)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key, err := authority.client(User{Name: "system:node:node", Groups: []string{"system:nodes"}})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.pem())
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Error(err)
	}
	if subject := pair.Leaf.Subject.String(); subject != "CN=system:node:node,O=system:nodes" {
		t.Errorf("subject %s", subject)
	}
}
