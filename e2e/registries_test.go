//go:build e2e

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Each engine trusts the authority of --registry-ca for its registry and no other: pull,
// push and FROM. Engine 29 has a mirror of a registry that is not Docker Hub, and 26 is
// refused one.
func TestRegistries(t *testing.T) {
	t.Parallel()
	needsClients(t)
	for _, image := range env.images {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			trusted, other := newTLSRegistry(t), newTLSRegistry(t)
			mirror := "quay.dindctl.test=https://" + trusted.host
			options := []string{"--registry-ca", trusted.host + "=" + trusted.authority, "--registry-mirror", "http://" + env.registry}
			i := newInstallation(t, image)
			mirrors := image == env.newest()
			if mirrors {
				options = append(options, "--registry-mirror", mirror)
			} else {
				dindctl(t, i.command("install", "--image", image, "--registry-mirror", mirror)...).want(t, usage).
					says(t, "is a mirror of another registry than Docker Hub, which Docker Engine 26 does not support", "Docker Engine 28 or later")
			}
			i.install(t, append(options, "--create-namespace")...)

			i.job(t, strings.NewReplacer("TRUSTED", trusted.host, "OTHER", other.host, "BASE", baseImage, "NAMESPACE", i.namespace).Replace(`
docker pull -q TRUSTED/library/BASE
docker tag TRUSTED/library/BASE TRUSTED/NAMESPACE/app:1
docker push -q TRUSTED/NAMESPACE/app:1
docker rmi TRUSTED/NAMESPACE/app:1 TRUSTED/library/BASE
mkdir /tmp/app && cd /tmp/app
printf 'FROM TRUSTED/NAMESPACE/app:1\nRUN echo built >/built\n' >Dockerfile
docker build -q -t app .
docker run --rm app cat /built
docker pull -q OTHER/library/BASE 2>&1 || true
`)).want(t, "built\n", "x509: certificate signed by unknown authority")
			if trusted.requests.Load() == 0 {
				t.Error("the registry got no request")
			}
			if mirrors {
				i.job(t, strings.ReplaceAll(`
docker pull -q quay.dindctl.test/library/BASE
docker rmi quay.dindctl.test/library/BASE
mkdir /tmp/app && cd /tmp/app
printf 'FROM quay.dindctl.test/library/BASE\nRUN echo mirrored >/built\n' >Dockerfile
docker build -q -t mirrored .
docker run --rm mirrored cat /built
`, "BASE", baseImage)).want(t, "mirrored\n")
			}

			pod := i.pod(t)
			r := succeed(t, i.command("install", "--reuse-options", "-o", "json")...)
			equal(t, "changes with the same options", decode[installed](t, r).changes(), []string{"unchanged"})
			equal(t, "the pod", i.pod(t).UID, pod.UID)
			contains(t, "options", succeed(t, i.command("options")...).stdout, trusted.host+"=(not shown)")
			if s := statusOf(t, i); !s.Healthy || len(s.Problems) > 0 {
				t.Errorf("status: %+v", s.Problems)
			}
		})
	}
}

// tlsRegistry serves the cluster's registry over TLS, with a self-signed certificate.
type tlsRegistry struct {
	host, authority string // host:port, and the file of the certificate
	requests        atomic.Int64
}

// newTLSRegistry serves on the address of this machine that the cluster reaches.
func newTLSRegistry(t *testing.T) *tlsRegistry {
	t.Helper()
	api := got[*url.URL](t)(url.Parse(env.config.Host))
	route := got[net.Conn](t)(net.Dial("udp", net.JoinHostPort(api.Hostname(), "9")))
	address := route.LocalAddr().(*net.UDPAddr).IP
	must(t, route.Close())

	key := got[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), IPAddresses: []net.IP{address},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der := got[[]byte](t)(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))

	r := &tlsRegistry{authority: filepath.Join(t.TempDir(), "ca.crt")}
	must(t, os.WriteFile(r.authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	behind := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: env.registry})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.requests.Add(1)
		behind.ServeHTTP(w, request)
	}))
	must(t, server.Listener.Close())
	server.Listener = got[net.Listener](t)(net.Listen("tcp", net.JoinHostPort(address.String(), "0")))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	r.host = server.Listener.Addr().String()
	return r
}
