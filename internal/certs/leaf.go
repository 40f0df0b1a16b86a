package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"slices"
	"time"
)

// role is what a certificate is for, and for nothing else: with the clients'
// nobody can pass for the daemon.
type role string

const (
	server role = "server"
	client role = "client"
)

func (r role) usage() x509.ExtKeyUsage {
	if r == server {
		return x509.ExtKeyUsageServerAuth
	}
	return x509.ExtKeyUsageClientAuth
}

// invalidReason says why the files cannot stay as they are; empty where they can.
func (a *authority) invalidReason(files Files, r role, wish Request) string {
	if len(files) == 0 {
		return Missing
	}
	leaf, err := readLeaf(files)
	switch {
	case err != nil:
		return "it cannot be read, or does not fit its key"
	case leaf.CheckSignatureFrom(a.cert) != nil:
		return "another authority signed it"
	case !bytes.Equal(files[CAFile], a.trusted()):
		return "it comes with other authorities"
	case !slices.Contains(leaf.ExtKeyUsage, r.usage()):
		return "it is for another use"
	case r == server && !named(leaf, wish.Names):
		return "it lacks a name of the daemon"
	case aged(leaf, wish.Now):
		return Aged
	}
	return ""
}

// issue makes a key and its certificate.
func (a *authority) issue(r role, wish Request) (Files, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject:   pkix.Name{Organization: []string{"dindctl"}, CommonName: wish.Instance + " " + string(r)},
		NotBefore: wish.Now.Add(-backdated),
		NotAfter:  earlier(wish.Now.Add(leafLife), a.cert.NotAfter),
		KeyUsage:  x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{r.usage()},
	}
	if r == server {
		template.DNSNames, template.IPAddresses = split(wish.Names)
	}
	leaf, err := sign(template, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	private, err := encodeKey(key)
	return Files{CAFile: a.trusted(), CertFile: encodeCerts(leaf, a.bridge), KeyFile: private}, err
}

// split tells addresses from names.
func split(names []string) (dns []string, addresses []net.IP) {
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			addresses = append(addresses, ip)
		} else {
			dns = append(dns, name)
		}
	}
	return dns, addresses
}

func named(leaf *x509.Certificate, names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return leaf.VerifyHostname(name) != nil })
}

// aged tells whether less than a third of the certificate's life is left.
func aged(cert *x509.Certificate, now time.Time) bool {
	return cert.NotAfter.Sub(now) < cert.NotAfter.Sub(cert.NotBefore)/3
}

// readLeaf reads the certificate that the files are about, with its key.
func readLeaf(files Files) (*x509.Certificate, error) {
	pair, err := tls.X509KeyPair(files[CertFile], files[KeyFile])
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(pair.Certificate[0])
}

// Ends tells until when the certificate of these files is good: its own end or
// that of its authority, whichever comes first. The error says that the files
// are of no use whatever the time.
func Ends(files Files) (time.Time, error) {
	leaf, err := readLeaf(files)
	if err != nil {
		return time.Time{}, err
	}
	trusted, err := decodeCerts(files[CAFile])
	if err != nil {
		return time.Time{}, err
	}
	if err := leaf.CheckSignatureFrom(trusted[0]); err != nil {
		return time.Time{}, err
	}
	return earlier(leaf.NotAfter, trusted[0].NotAfter), nil
}
