package certs

import (
	"maps"
	"testing"
)

// changed gives the files with another content of one; nil removes it.
func changed(files Files, name string, content []byte) Files {
	files = maps.Clone(files)
	files[name] = content
	if content == nil {
		delete(files, name)
	}
	return files
}

func TestWhatIsMadeAnew(t *testing.T) {
	first := renew(t, Set{}, wishAt(noon)).Set
	other := renew(t, Set{}, wishAt(noon)).Set
	mixed := func(server, client Files) Set { return Set{Server: server, Client: client} }
	fewer := wishAt(noon)
	fewer.Names = names[:1]
	unnamed := renew(t, Set{}, fewer).Set

	for _, test := range []struct {
		name                      string
		live                      Set
		wish                      Request
		authority, server, client bool
	}{
		{"nothing there", Set{}, wishAt(noon), true, true, true},
		{"all is well", first, wishAt(noon), false, false, false},
		{"asked for", first, rotated(noon), true, true, true},
		{"two thirds of a year gone", first, wishAt(after(245)), false, true, true},
		{"expired", first, wishAt(after(400)), false, true, true},
		{"less than a third of the authority left", first, wishAt(after(2440)), true, true, true},
		{"a name is missing", unnamed, wishAt(noon), false, true, false},
		{"no client", mixed(first.Server, nil), wishAt(noon), false, false, true},
		{"the client is another installation's", mixed(first.Server, other.Client), wishAt(noon), false, false, true},
		{"the server is gone", mixed(nil, first.Client), wishAt(noon), true, true, true},
		{"no authority's key", mixed(changed(first.Server, CAKeyFile, nil), first.Client), wishAt(noon), true, true, true},
		{"another authority's key", mixed(changed(first.Server, CAKeyFile, other.Server[CAKeyFile]), first.Client), wishAt(noon), true, true, true},
		{"the authority is not one", mixed(changed(changed(first.Server, CAFile, first.Server[CertFile]), CAKeyFile, first.Server[KeyFile]), first.Client), wishAt(noon), true, true, true},
		{"the server's key is another's", mixed(changed(first.Server, KeyFile, first.Client[KeyFile]), first.Client), wishAt(noon), false, true, false},
		{"the client's key is garbage", mixed(first.Server, changed(first.Client, KeyFile, []byte("garbage"))), wishAt(noon), false, false, true},
		{"the client's certificate is the server's", mixed(first.Server, Files{CAFile: first.Server[CAFile], CertFile: first.Server[CertFile], KeyFile: first.Server[KeyFile]}), wishAt(noon), false, false, true},
		{"the server's certificate is the client's", mixed(changed(changed(first.Server, CertFile, first.Client[CertFile]), KeyFile, first.Client[KeyFile]), first.Client), wishAt(noon), false, true, false},
		{"another authority's client", mixed(first.Server, changed(other.Client, CAFile, first.Client[CAFile])), wishAt(noon), false, false, true},
		{"the client trusts another", mixed(first.Server, changed(first.Client, CAFile, other.Client[CAFile])), wishAt(noon), false, false, true},
		{"broken certificate", mixed(changed(first.Server, CertFile, []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")), first.Client), wishAt(noon), false, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := renew(t, test.live, test.wish)
			if (r.Authority != "") != test.authority || (r.Server != "") != test.server || (r.Client != "") != test.client {
				t.Errorf("made anew: authority %q, server %q, client %q", r.Authority, r.Server, r.Client)
			}
			if !connects(t, r.Set.Client, r.Set.Server, test.wish.Now) {
				t.Error("client and daemon do not get on afterwards")
			}
			test.wish.Rotate = false
			if again := renew(t, r.Set, test.wish); again.Changed() {
				t.Errorf("a second time something is made anew: %+v", again)
			}
		})
	}
}

// Whatever the daemon and a client have taken up already while certificates are
// replaced: they get on.
func TestOverlap(t *testing.T) {
	first := renew(t, Set{}, wishAt(noon)).Set
	for _, test := range []struct {
		name string
		wish Request
	}{
		{"the authority is replaced", rotated(after(100))},
		{"only the certificates are", wishAt(after(250))},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := renew(t, first, test.wish)
			if !r.Bridged {
				t.Error("Renew says that they will not")
			}
			for _, client := range []Files{first.Client, r.Set.Client} {
				for _, server := range []Files{first.Server, r.Set.Server} {
					clientErr, serverErr := handshake(t, client, server, names[0], test.wish.Now)
					if clientErr != nil || serverErr != nil {
						t.Errorf("client %v, daemon %v", clientErr, serverErr)
					}
				}
			}
		})
	}
}

func TestOverlapAfterAnInterruption(t *testing.T) {
	first := renew(t, Set{}, wishAt(noon)).Set
	next := renew(t, first, rotated(noon)).Set
	for name, live := range map[string]Set{
		"the daemon's files were written": {Server: next.Server, Client: first.Client},
		"the clients' files were written": {Server: first.Server, Client: next.Client},
	} {
		t.Run(name, func(t *testing.T) {
			r := renew(t, live, wishAt(noon))
			if r.Authority != "" || r.Server != "" || r.Client == "" {
				t.Errorf("made anew: authority %q, server %q, client %q", r.Authority, r.Server, r.Client)
			}
			for _, client := range []Files{first.Client, next.Client, r.Set.Client} {
				if !connects(t, client, r.Set.Server, noon) {
					t.Error("a client is shut out")
				}
			}
		})
	}
}

// The overlap ends: by another rotation, and by itself.
func TestEndOfTheOverlap(t *testing.T) {
	first := renew(t, Set{}, wishAt(noon)).Set
	second := renew(t, first, rotated(after(10))).Set
	third := renew(t, second, rotated(after(20))).Set
	if connects(t, first.Client, third.Server, after(20)) {
		t.Error("who has the certificates from before two rotations is let in")
	}
	if !connects(t, second.Client, third.Server, after(20)) {
		t.Error("who has the certificates from before one rotation is shut out")
	}

	renewed := renew(t, second, wishAt(after(10+250))).Set
	if !connects(t, first.Client, renewed.Server, after(300)) {
		t.Error("a renewal within the year ends the overlap")
	}
	later := renew(t, renewed, wishAt(after(10+500))).Set
	if trusted, err := decodeCerts(later.Server[CAFile]); err != nil || len(trusted) != 1 {
		t.Errorf("%d authorities are trusted a year after a rotation: %v", len(trusted), err)
	}
	if !connects(t, renewed.Client, later.Server, after(510)) || !connects(t, later.Client, renewed.Server, after(510)) {
		t.Error("the end of the overlap shuts out a current client")
	}
}

// Without the key of the authority before there is no bridge from it.
func TestNoBridge(t *testing.T) {
	first := renew(t, Set{}, wishAt(noon)).Set
	r := renew(t, Set{Server: changed(first.Server, CAKeyFile, nil), Client: first.Client}, wishAt(noon))
	if r.Bridged {
		t.Error("Renew says that whoever has the old files is still let in")
	}
	if connects(t, first.Client, r.Set.Server, noon) {
		t.Error("and so it is")
	}
}

func TestEndsOfWhatIsNoUse(t *testing.T) {
	first, other := renew(t, Set{}, wishAt(noon)).Set, renew(t, Set{}, wishAt(noon)).Set
	for name, files := range map[string]Files{
		"nothing":                 nil,
		"another's key":           changed(first.Client, KeyFile, other.Client[KeyFile]),
		"no authority":            changed(first.Client, CAFile, nil),
		"another authority's":     changed(first.Client, CAFile, other.Client[CAFile]),
		"a certificate of nobody": changed(first.Client, CertFile, nil),
	} {
		if ends, err := Ends(files); err == nil {
			t.Errorf("%s: good until %v", name, ends)
		}
	}
}
