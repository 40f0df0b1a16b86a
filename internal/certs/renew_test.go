package certs

import (
	"maps"
	"testing"
)

// changed returns files with other content in one file. nil removes the file.
func changed(files Files, name string, content []byte) Files {
	files = maps.Clone(files)
	files[name] = content
	if content == nil {
		delete(files, name)
	}
	return files
}

func TestRenew(t *testing.T) {
	first := renew(t, Set{}, requestAt(noon)).Set
	other := renew(t, Set{}, requestAt(noon)).Set
	mixed := func(server, client Files) Set { return Set{Server: server, Client: client} }
	fewer := requestAt(noon)
	fewer.Names = names[:1]
	fewNames := renew(t, Set{}, fewer).Set

	for _, test := range []struct {
		name                      string
		live                      Set
		request                   Request
		authority, server, client bool
	}{
		{"no certificates", Set{}, requestAt(noon), true, true, true},
		{"valid", first, requestAt(noon), false, false, false},
		{"requested", first, rotateAt(noon), true, true, true},
		{"less than a third of the certificates' validity left", first, requestAt(after(245)), false, true, true},
		{"expired", first, requestAt(after(400)), false, true, true},
		{"less than a third of the authority's validity left", first, requestAt(after(2440)), true, true, true},
		{"missing name", fewNames, requestAt(noon), false, true, false},
		{"no client files", mixed(first.Server, nil), requestAt(noon), false, false, true},
		{"client files from another installation", mixed(first.Server, other.Client), requestAt(noon), false, false, true},
		{"no server files", mixed(nil, first.Client), requestAt(noon), true, true, true},
		{"no authority key", mixed(changed(first.Server, CAKeyFile, nil), first.Client), requestAt(noon), true, true, true},
		{"key of another authority", mixed(changed(first.Server, CAKeyFile, other.Server[CAKeyFile]), first.Client), requestAt(noon), true, true, true},
		{"not an authority", mixed(changed(changed(first.Server, CAFile, first.Server[CertFile]), CAKeyFile, first.Server[KeyFile]), first.Client), requestAt(noon), true, true, true},
		{"server key of another certificate", mixed(changed(first.Server, KeyFile, first.Client[KeyFile]), first.Client), requestAt(noon), false, true, false},
		{"invalid client key", mixed(first.Server, changed(first.Client, KeyFile, []byte("garbage"))), requestAt(noon), false, false, true},
		{"server certificate as client certificate", mixed(first.Server, Files{CAFile: first.Server[CAFile], CertFile: first.Server[CertFile], KeyFile: first.Server[KeyFile]}), requestAt(noon), false, false, true},
		{"client certificate as server certificate", mixed(changed(changed(first.Server, CertFile, first.Client[CertFile]), KeyFile, first.Client[KeyFile]), first.Client), requestAt(noon), false, true, false},
		{"client certificate from another authority", mixed(first.Server, changed(other.Client, CAFile, first.Client[CAFile])), requestAt(noon), false, false, true},
		{"client trusts another authority", mixed(first.Server, changed(first.Client, CAFile, other.Client[CAFile])), requestAt(noon), false, false, true},
		{"invalid certificate", mixed(changed(first.Server, CertFile, []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")), first.Client), requestAt(noon), false, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := renew(t, test.live, test.request)
			if (r.Authority != "") != test.authority || (r.Server != "") != test.server || (r.Client != "") != test.client {
				t.Errorf("renewed: authority %q, server %q, client %q", r.Authority, r.Server, r.Client)
			}
			if !connects(t, r.Set.Client, r.Set.Server, test.request.Now) {
				t.Error("client and daemon do not connect with the new files")
			}
			test.request.Rotate = false
			if again := renew(t, r.Set, test.request); anyRenewed(again) {
				t.Errorf("a second Renew changed the files again: %+v", again)
			}
		})
	}
}

// The daemon and a client connect whether each has its old or its new files.
func TestOverlap(t *testing.T) {
	first := renew(t, Set{}, requestAt(noon)).Set
	for _, test := range []struct {
		name    string
		request Request
	}{
		{"authority and certificates renewed", rotateAt(after(100))},
		{"certificates renewed", requestAt(after(250))},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := renew(t, first, test.request)
			if !r.CrossSigned {
				t.Error("CrossSigned is false")
			}
			for _, client := range []Files{first.Client, r.Set.Client} {
				for _, server := range []Files{first.Server, r.Set.Server} {
					clientErr, serverErr := handshake(t, client, server, names[0], test.request.Now)
					if clientErr != nil || serverErr != nil {
						t.Errorf("client %v, daemon %v", clientErr, serverErr)
					}
				}
			}
		})
	}
}

func TestOverlapAfterInterruption(t *testing.T) {
	first := renew(t, Set{}, requestAt(noon)).Set
	next := renew(t, first, rotateAt(noon)).Set
	for name, live := range map[string]Set{
		"only server files written": {Server: next.Server, Client: first.Client},
		"only client files written": {Server: first.Server, Client: next.Client},
	} {
		t.Run(name, func(t *testing.T) {
			r := renew(t, live, requestAt(noon))
			if r.Authority != "" || r.Server != "" || r.Client == "" {
				t.Errorf("renewed: authority %q, server %q, client %q", r.Authority, r.Server, r.Client)
			}
			for _, client := range []Files{first.Client, next.Client, r.Set.Client} {
				if !connects(t, client, r.Set.Server, noon) {
					t.Error("a client cannot connect")
				}
			}
		})
	}
}

// The overlap ends with the next rotation or after a year.
func TestOverlapEnds(t *testing.T) {
	first := renew(t, Set{}, requestAt(noon)).Set
	second := renew(t, first, rotateAt(after(10))).Set
	third := renew(t, second, rotateAt(after(20))).Set
	if connects(t, first.Client, third.Server, after(20)) {
		t.Error("the daemon accepts a client from before two rotations")
	}
	if !connects(t, second.Client, third.Server, after(20)) {
		t.Error("a client from before one rotation cannot connect")
	}

	renewed := renew(t, second, requestAt(after(10+250))).Set
	if !connects(t, first.Client, renewed.Server, after(300)) {
		t.Error("a renewal within a year ended the overlap")
	}
	later := renew(t, renewed, requestAt(after(10+500))).Set
	if trusted, err := decodeCerts(later.Server[CAFile]); err != nil || len(trusted) != 1 {
		t.Errorf("%d authorities (%v) are trusted a year after a rotation, want 1", len(trusted), err)
	}
	if !connects(t, renewed.Client, later.Server, after(510)) || !connects(t, later.Client, renewed.Server, after(510)) {
		t.Error("a current client cannot connect after the overlap")
	}
}

func TestNoCrossSigningWithoutPreviousKey(t *testing.T) {
	first := renew(t, Set{}, requestAt(noon)).Set
	r := renew(t, Set{Server: changed(first.Server, CAKeyFile, nil), Client: first.Client}, requestAt(noon))
	if r.CrossSigned {
		t.Error("CrossSigned is true")
	}
	if connects(t, first.Client, r.Set.Server, noon) {
		t.Error("the daemon accepts a client with old files")
	}
}

func TestEndsOfInvalidFiles(t *testing.T) {
	first, other := renew(t, Set{}, requestAt(noon)).Set, renew(t, Set{}, requestAt(noon)).Set
	for name, files := range map[string]Files{
		"no files":        nil,
		"other key":       changed(first.Client, KeyFile, other.Client[KeyFile]),
		"no authority":    changed(first.Client, CAFile, nil),
		"other authority": changed(first.Client, CAFile, other.Client[CAFile]),
		"no certificate":  changed(first.Client, CertFile, nil),
	} {
		if ends, err := Ends(files); err == nil {
			t.Errorf("%s: Ends = %v, want an error", name, ends)
		}
	}
}
