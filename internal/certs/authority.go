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
	// previous is the replaced authority. crossSigned certifies key like cert, but
	// is signed by previous. Either both are nil or none.
	previous, crossSigned *x509.Certificate
}

// readAuthority reads the authority from the daemon's files. It returns nil and
// a reason if the authority is invalid.
func readAuthority(files Files) (*authority, string) {
	if len(files) == 0 {
		return nil, reasonMissing
	}
	key, err := decodeKey(files[CAKeyFile])
	if err != nil {
		return nil, "its key cannot be read"
	}
	trusted, err := decodeCerts(files[CAFile])
	if err != nil {
		return nil, "it cannot be read"
	}
	// The current authority comes first.
	a := &authority{cert: trusted[0], key: key}
	if !a.cert.IsCA || !samePublicKey(a.cert.PublicKey, key.Public()) {
		return nil, "it does not match its key"
	}
	chain, err := decodeCerts(files[CertFile])
	if err != nil || len(chain) < 2 || len(trusted) < 2 {
		return a, ""
	}
	if cross := chain[1]; samePublicKey(cross.PublicKey, key.Public()) && cross.CheckSignatureFrom(trusted[1]) == nil {
		a.previous, a.crossSigned = trusted[1], cross
	}
	return a, ""
}

// newAuthority creates an authority. previous, if not nil, cross-signs it. The
// authority before previous is dropped, so certificates from before two
// replacements are rejected.
func newAuthority(request Request, previous *authority) (*authority, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, fmt.Errorf("creating a certificate authority: %w", err)
	}
	// Each authority has a unique name, because clients look it up by name.
	sum := sha256.Sum256(public)
	template := &x509.Certificate{
		Subject:               pkix.Name{Organization: []string{"dindctl"}, CommonName: request.Instance + " CA " + hex.EncodeToString(sum[:4])},
		NotBefore:             request.Now.Add(-backdated),
		NotAfter:              request.Now.Add(authorityLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	cert, err := sign(template, template, key.Public(), key)
	if err != nil || previous == nil {
		return &authority{cert: cert, key: key}, err
	}
	// All certificates from the previous authority expire by this time.
	template.NotAfter = earlier(request.Now.Add(leafLife), previous.cert.NotAfter)
	cross, err := sign(template, previous.cert, key.Public(), previous.key)
	return &authority{cert: cert, key: key, previous: previous.cert, crossSigned: cross}, err
}

// dropExpiredPrevious drops the previous authority once all its certificates
// have expired.
func (a *authority) dropExpiredPrevious(now time.Time) {
	if a.crossSigned != nil && now.After(a.crossSigned.NotAfter) {
		a.previous, a.crossSigned = nil, nil
	}
}

// trusted returns the PEM certificates of the authorities to trust.
func (a *authority) trusted() []byte { return encodeCerts(a.cert, a.previous) }

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("creating a key: %w", err)
	}
	return key, nil
}

// sign returns a certificate signed by parent. It has a random serial number,
// because the template has none.
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
