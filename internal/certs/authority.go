package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"time"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
	// previous was the authority before, and bridge is cert as previous signed
	// it; both or neither.
	previous, bridge *x509.Certificate
}

// readAuthority finds the authority in the daemon's files, or says what is wrong
// with it.
func readAuthority(files Files) (*authority, string) {
	if len(files) == 0 {
		return nil, Missing
	}
	key, err := decodeKey(files[CAKeyFile])
	if err != nil {
		return nil, "its key cannot be read"
	}
	trusted, err := decodeCerts(files[CAFile])
	if err != nil {
		return nil, "it cannot be read"
	}
	// The current one comes first.
	a := &authority{cert: trusted[0], key: key}
	if !a.cert.IsCA || !samePublicKey(a.cert.PublicKey, key.Public()) {
		return nil, "it does not fit its key"
	}
	chain, err := decodeCerts(files[CertFile])
	if err != nil || len(chain) < 2 || len(trusted) < 2 {
		return a, ""
	}
	if bridge := chain[1]; samePublicKey(bridge.PublicKey, key.Public()) && bridge.CheckSignatureFrom(trusted[1]) == nil {
		a.previous, a.bridge = trusted[1], bridge
	}
	return a, ""
}

// newAuthority makes an authority, and a bridge from the one before where there
// is one. The one before that is forgotten: to replace an authority twice shuts
// out whoever has its certificates.
func newAuthority(wish Request, before *authority) (*authority, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, fmt.Errorf("making a certificate authority: %w", err)
	}
	// A name of its own for each: clients look an authority up by it.
	sum := sha256.Sum256(public)
	template := &x509.Certificate{
		Subject:               pkix.Name{Organization: []string{"dindctl"}, CommonName: wish.Instance + " CA " + hex.EncodeToString(sum[:4])},
		NotBefore:             wish.Now.Add(-backdated),
		NotAfter:              wish.Now.Add(authorityLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	cert, err := sign(template, template, key.Public(), key)
	if err != nil || before == nil {
		return &authority{cert: cert, key: key}, err
	}
	// No certificate of the old authority outlives the bridge.
	template.NotAfter = earlier(wish.Now.Add(leafLife), before.cert.NotAfter)
	bridge, err := sign(template, before.cert, key.Public(), before.key)
	return &authority{cert: cert, key: key, previous: before.cert, bridge: bridge}, err
}

// forget drops the previous authority once no certificate of its is valid.
func (a *authority) forget(now time.Time) {
	if a.bridge != nil && now.After(a.bridge.NotAfter) {
		a.previous, a.bridge = nil, nil
	}
}

// trusted are the authorities that daemon and clients go by.
func (a *authority) trusted() []byte { return encodeCerts(a.cert, a.previous) }

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	return key, nil
}

// sign gives the certificate a number of its own: the template has none.
func sign(template, parent *x509.Certificate, public crypto.PublicKey, by crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, by)
	if err != nil {
		return nil, fmt.Errorf("signing a certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
