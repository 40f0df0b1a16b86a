package pki

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"path/filepath"
)

// loadAuthority reads the authority that Ensure has created.
func loadAuthority(directory string) (*authority, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(directory, CA+".crt"), filepath.Join(directory, CA+".key"))
	if err != nil {
		return nil, err
	}
	key, is := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !is {
		return nil, errors.New("its key has another type than the one that is created here")
	}
	return &authority{pair.Leaf, key}, nil
}

// pem returns the authority's certificate.
func (a *authority) pem() []byte { return encode(certificateBlock, a.certificate.Raw) }

// client returns a certificate and a key by which the API server knows the user.
func (a *authority) client(user User) (certificate, key []byte, err error) {
	der, private, err := a.sign(&x509.Certificate{
		Subject:     pkix.Name{CommonName: user.Name, Organization: user.Groups},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	return encode(certificateBlock, der), encode(keyBlock, pkcs8), err
}
