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

func requestAt(now time.Time) Request { return Request{Instance: "d", Names: names, Now: now} }

// renew calls Renew, which must succeed.
func renew(t *testing.T, live Set, request Request) Renewal {
	t.Helper()
	r, err := Renew(live, request)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func rotateAt(now time.Time) Request {
	request := requestAt(now)
	request.Rotate = true
	return request
}

// handshake connects a client to a server, like Docker's client and daemon, and
// returns the error of each side.
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
	clientEnd, serverEnd := net.Pipe()
	served := make(chan error, 1)
	go func() {
		conn := tls.Server(serverEnd, config(server))
		err := conn.Handshake()
		if err == nil {
			_, err = conn.Write([]byte("x"))
		}
		serverEnd.Close()
		served <- err
	}()
	clientConfig := config(client)
	// Like an intruder, send a certificate that the server's request excludes.
	pair := clientConfig.Certificates[0]
	clientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	conn := tls.Client(clientEnd, clientConfig)
	// The client learns with the first read whether the server rejected it.
	_, clientErr = conn.Read(make([]byte, 1))
	clientEnd.Close()
	return clientErr, <-served
}

func connects(t *testing.T, client, server Files, now time.Time) bool {
	t.Helper()
	clientErr, serverErr := handshake(t, client, server, names[0], now)
	return clientErr == nil && serverErr == nil
}

func TestFirstCertificates(t *testing.T) {
	r := renew(t, Set{}, requestAt(noon))
	if r.Authority != reasonMissing || r.Server != reasonMissing || r.Client != reasonMissing || !anyRenewed(r) {
		t.Errorf("got %q, %q, %q", r.Authority, r.Server, r.Client)
	}
	for _, name := range names {
		if clientErr, serverErr := handshake(t, r.Set.Client, r.Set.Server, name, noon); clientErr != nil || serverErr != nil {
			t.Errorf("%s: client %v, daemon %v", name, clientErr, serverErr)
		}
	}
	if clientErr, _ := handshake(t, r.Set.Client, r.Set.Server, "elsewhere.svc", noon); clientErr == nil {
		t.Error("the daemon's certificate is valid for another host")
	}
	if _, has := r.Set.Client[CAKeyFile]; has {
		t.Error("the clients have the authority's key")
	}
	if r.Set.Server[CAKeyFile] == nil {
		t.Error("the daemon's files lack the authority's key")
	}
}

func TestCertificatesHaveOneKeyUsage(t *testing.T) {
	set := renew(t, Set{}, requestAt(noon)).Set
	if _, serverErr := handshake(t, set.Server, set.Server, names[0], noon); serverErr == nil {
		t.Error("the daemon's certificate is accepted from a client")
	}
	if clientErr, _ := handshake(t, set.Client, set.Client, names[0], noon); clientErr == nil {
		t.Error("a client's certificate is accepted from a daemon")
	}
}

func TestOtherAuthorityIsRejected(t *testing.T) {
	ours, foreign := renew(t, Set{}, requestAt(noon)).Set, renew(t, Set{}, requestAt(noon)).Set
	if clientErr, _ := handshake(t, ours.Client, foreign.Server, names[0], noon); clientErr == nil {
		t.Error("a client accepts a foreign daemon")
	}
	intruder := Files{CAFile: ours.Client[CAFile], CertFile: foreign.Client[CertFile], KeyFile: foreign.Client[KeyFile]}
	if _, serverErr := handshake(t, intruder, ours.Server, names[0], noon); serverErr == nil {
		t.Error("the daemon accepts a foreign client")
	}
}

func TestClockBehind(t *testing.T) {
	set := renew(t, Set{}, requestAt(noon)).Set
	if !connects(t, set.Client, set.Server, noon.Add(-23*time.Hour)) {
		t.Error("the certificates are not valid on clocks 23 hours behind")
	}
}

func TestValidity(t *testing.T) {
	set := renew(t, Set{}, requestAt(noon)).Set
	for days, want := range map[int]bool{364: true, 366: false} {
		if got := connects(t, set.Client, set.Server, after(days)); got != want {
			t.Errorf("after %d days: connects = %v, want %v", days, got, want)
		}
	}
	for _, files := range []Files{set.Server, set.Client} {
		if ends, err := Ends(files); err != nil || !ends.Equal(after(365)) {
			t.Errorf("Ends = %v, %v, want %v", ends, err, after(365))
		}
	}
}

func TestValidCertificatesAreKept(t *testing.T) {
	for name, live := range map[string]Set{
		"new":      renew(t, Set{}, requestAt(noon)).Set,
		"rotateAt": renew(t, renew(t, Set{}, requestAt(noon)).Set, rotateAt(noon)).Set,
	} {
		t.Run(name, func(t *testing.T) {
			for _, days := range []int{0, 100, 243} {
				r := renew(t, live, requestAt(after(days)))
				if anyRenewed(r) || !reflect.DeepEqual(r.Set, live) {
					t.Errorf("after %d days: authority %q, server %q, client %q", days, r.Authority, r.Server, r.Client)
				}
			}
		})
	}
}

// anyRenewed reports whether anything was renewed.
func anyRenewed(r Renewal) bool { return r.Authority+r.Server+r.Client != "" }
