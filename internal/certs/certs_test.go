package certs

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"reflect"
	"testing"
	"time"
)

var (
	noon  = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	names = []string{"d.ci.svc", "d.ci.svc.cluster.local", "d.ci", "d", "localhost", "127.0.0.1", "::1"}
)

func after(days int) time.Time { return noon.Add(time.Duration(days) * day) }

func wishAt(now time.Time) Request { return Request{Instance: "d", Names: names, Now: now} }

// renew renews, or the test ends.
func renew(t *testing.T, live Set, wish Request) Renewal {
	t.Helper()
	r, err := Renew(live, wish)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func rotated(now time.Time) Request {
	wish := wishAt(now)
	wish.Rotate = true
	return wish
}

// handshake connects a client to a daemon as docker's client and daemon do, and
// gives what each side thinks of the other.
func handshake(t *testing.T, client, server Files, name string, now time.Time) (clientErr, serverErr error) {
	t.Helper()
	config := func(files Files) *tls.Config {
		pair, err := tls.X509KeyPair(files[CertFile], files[KeyFile])
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(files[CAFile]) {
			t.Fatal("no authority in " + CAFile)
		}
		return &tls.Config{
			Certificates: []tls.Certificate{pair}, RootCAs: pool, ClientCAs: pool, ServerName: name,
			ClientAuth: tls.RequireAndVerifyClientCert, Time: func() time.Time { return now },
		}
	}
	here, there := net.Pipe()
	served := make(chan error, 1)
	go func() {
		conn := tls.Server(there, config(server))
		err := conn.Handshake()
		if err == nil {
			_, err = conn.Write([]byte("x"))
		}
		there.Close()
		served <- err
	}()
	stubborn := config(client)
	// It shows its certificate even where the daemon does not ask for one of that
	// authority: an intruder would.
	pair := stubborn.Certificates[0]
	stubborn.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	conn := tls.Client(here, stubborn)
	// What the daemon thinks of the client shows with the first answer.
	_, clientErr = conn.Read(make([]byte, 1))
	here.Close()
	return clientErr, <-served
}

func connects(t *testing.T, client, server Files, now time.Time) bool {
	t.Helper()
	clientErr, serverErr := handshake(t, client, server, names[0], now)
	return clientErr == nil && serverErr == nil
}

func TestFirst(t *testing.T) {
	r := renew(t, Set{}, wishAt(noon))
	if r.Authority != Missing || r.Server != Missing || r.Client != Missing || !r.Changed() {
		t.Errorf("got %q, %q, %q", r.Authority, r.Server, r.Client)
	}
	for _, name := range names {
		if clientErr, serverErr := handshake(t, r.Set.Client, r.Set.Server, name, noon); clientErr != nil || serverErr != nil {
			t.Errorf("%s: client %v, daemon %v", name, clientErr, serverErr)
		}
	}
	if clientErr, _ := handshake(t, r.Set.Client, r.Set.Server, "elsewhere.svc", noon); clientErr == nil {
		t.Error("the daemon passes for another host")
	}
	if _, has := r.Set.Client[CAKeyFile]; has {
		t.Error("the clients have the authority's key")
	}
	if r.Set.Server[CAKeyFile] == nil {
		t.Error("the authority's key is lost")
	}
}

func TestEachCertificateIsForOneUse(t *testing.T) {
	set := renew(t, Set{}, wishAt(noon)).Set
	if _, serverErr := handshake(t, set.Server, set.Server, names[0], noon); serverErr == nil {
		t.Error("the daemon's certificate passes for a client's")
	}
	if clientErr, _ := handshake(t, set.Client, set.Client, names[0], noon); clientErr == nil {
		t.Error("a client's certificate passes for the daemon's")
	}
}

func TestAnotherAuthority(t *testing.T) {
	ours, foreign := renew(t, Set{}, wishAt(noon)).Set, renew(t, Set{}, wishAt(noon)).Set
	if clientErr, _ := handshake(t, ours.Client, foreign.Server, names[0], noon); clientErr == nil {
		t.Error("a client believes a foreign daemon")
	}
	intruder := Files{CAFile: ours.Client[CAFile], CertFile: foreign.Client[CertFile], KeyFile: foreign.Client[KeyFile]}
	if _, serverErr := handshake(t, intruder, ours.Server, names[0], noon); serverErr == nil {
		t.Error("the daemon lets a foreign client in")
	}
}

func TestClocksThatAreBehind(t *testing.T) {
	set := renew(t, Set{}, wishAt(noon)).Set
	if !connects(t, set.Client, set.Server, noon.Add(-23*time.Hour)) {
		t.Error("not valid for who is 23 hours behind")
	}
}

func TestLife(t *testing.T) {
	set := renew(t, Set{}, wishAt(noon)).Set
	for days, want := range map[int]bool{364: true, 366: false} {
		if got := connects(t, set.Client, set.Server, after(days)); got != want {
			t.Errorf("after %d days they connect: %v", days, got)
		}
	}
	for _, files := range []Files{set.Server, set.Client} {
		if ends, err := Ends(files); err != nil || !ends.Equal(after(365)) {
			t.Errorf("Ends: %v %v", ends, err)
		}
	}
}

// A second install must change nothing.
func TestNothingToDo(t *testing.T) {
	for name, live := range map[string]Set{
		"new":     renew(t, Set{}, wishAt(noon)).Set,
		"rotated": renew(t, renew(t, Set{}, wishAt(noon)).Set, rotated(noon)).Set,
	} {
		t.Run(name, func(t *testing.T) {
			for _, days := range []int{0, 100, 243} {
				r := renew(t, live, wishAt(after(days)))
				if r.Changed() || !reflect.DeepEqual(r.Set, live) {
					t.Errorf("after %d days: authority %q, server %q, client %q", days, r.Authority, r.Server, r.Client)
				}
			}
		})
	}
}
