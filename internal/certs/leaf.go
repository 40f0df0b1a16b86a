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

// role is the only purpose of a certificate: the daemon must not accept a server
// certificate from a client, or the other way round.
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

// renewalReason returns the reason to renew the files, or "" if they are valid.
func (a *authority) renewalReason(files Files, r role, request Request) string {
	if len(files) == 0 {
		return reasonMissing
	}
	leaf, err := readLeaf(files)
	switch {
	case err != nil:
		return "it cannot be read or does not match its key"
	case leaf.CheckSignatureFrom(a.cert) != nil:
		return "it is signed by another authority"
	case !bytes.Equal(files[CAFile], a.trusted()):
		return "its " + CAFile + " contains other authorities"
	case !slices.Contains(leaf.ExtKeyUsage, r.usage()):
		return "it has the wrong key usage"
	case r == server && !covers(leaf, request.Names):
		return "it lacks a name of the daemon"
	case renewalDue(leaf, request.Now):
		return reasonRenewalDue
	}
	return ""
}

// issue creates a key and a certificate for it.
func (a *authority) issue(r role, request Request) (Files, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject:   pkix.Name{Organization: []string{"dindctl"}, CommonName: request.Instance + " " + string(r)},
		NotBefore: request.Now.Add(-backdated),
		NotAfter:  earlier(request.Now.Add(leafLife), a.cert.NotAfter),
		KeyUsage:  x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{r.usage()},
	}
	if r == server {
		template.DNSNames, template.IPAddresses = splitNames(request.Names)
	}
	leaf, err := sign(template, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	private, err := encodeKey(key)
	return Files{CAFile: a.trusted(), CertFile: encodeCerts(leaf, a.crossSigned), KeyFile: private}, err
}

// splitNames separates DNS names from IP addresses.
func splitNames(names []string) (dns []string, addresses []net.IP) {
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			addresses = append(addresses, ip)
		} else {
			dns = append(dns, name)
		}
	}
	return dns, addresses
}

// covers reports whether the certificate is valid for all names.
func covers(leaf *x509.Certificate, names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return leaf.VerifyHostname(name) != nil })
}

// renewalDue reports whether less than a third of the certificate's validity is
// left.
func renewalDue(cert *x509.Certificate, now time.Time) bool {
	return cert.NotAfter.Sub(now) < cert.NotAfter.Sub(cert.NotBefore)/3
}

// readLeaf returns the certificate in the files. It fails if the key does not
// match.
func readLeaf(files Files) (*x509.Certificate, error) {
	pair, err := tls.X509KeyPair(files[CertFile], files[KeyFile])
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(pair.Certificate[0])
}

// Ends returns the time until which the certificate in the files is valid: its
// expiry or that of its authority, whichever comes first. It fails if the files
// are incomplete, unreadable or inconsistent.
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
