package pki

import (
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
		if err := EnsureUsers(p, directory, "https://198.18.77.2:6443", "node"); err != nil {
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
}
