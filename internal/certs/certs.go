// Package certs creates and renews the certificates of one installation: a
// certificate authority, a certificate for the daemon and one that all clients
// share. Apart from random numbers, the result depends only on the arguments.
//
// Old and new files work together after the authority is replaced. The old
// authority cross-signs the new one, and every new certificate comes with the
// cross-signed certificate, so that clients and daemons with old files trust it.
// New files trust both authorities. The daemon and its clients can therefore
// switch to the new files in any order.
package certs

import "time"

// The names of certificate files that Docker expects in a directory. CAKeyFile is
// specific to dindctl: only the next renewal needs it.
const (
	CAFile    = "ca.pem"
	CertFile  = "cert.pem"
	KeyFile   = "key.pem"
	CAKeyFile = "ca-key.pem"
)

const (
	day           = 24 * time.Hour
	authorityLife = 10 * 365 * day
	leafLife      = 365 * day
	// backdated allows for clocks that are behind.
	backdated = day
)

// Files maps the names of the files in one directory to their contents.
type Files = map[string][]byte

// Set is the files of an installation. Server includes the authority's key. The
// zero value is an installation without certificates.
type Set struct{ Server, Client Files }

// Request describes the certificates to create.
type Request struct {
	// Instance is the installation's name in the certificates' subject.
	Instance string
	// Names are the daemon's DNS names and IP addresses.
	Names []string
	Now   time.Time
	// Rotate replaces the authority and all certificates.
	Rotate bool
}

// Renewal is the result of Renew.
type Renewal struct {
	Set Set
	// Authority, Server and Client are the reasons for renewing each. Empty means
	// unchanged.
	Authority, Server, Client string
	// CrossSigned reports whether the previous client and server files keep
	// working with the new ones.
	CrossSigned bool
}

// Reasons for a renewal.
const (
	reasonMissing          = "missing"
	reasonRequested        = "requested"
	reasonRenewalDue       = "less than a third of its validity is left"
	reasonAuthorityRenewed = "its authority is renewed"
)

// Renew keeps valid files and creates the rest: files that are missing,
// unreadable or inconsistent, have less than a third of their validity left, or
// lack one of the names. It fails only if creating a key or certificate fails.
func Renew(live Set, request Request) (Renewal, error) {
	result := Renewal{Set: live, CrossSigned: true}
	current, reason := readAuthority(live.Server)
	switch {
	case reason == "" && request.Rotate:
		reason = reasonRequested
	case reason == "" && renewalDue(current.cert, request.Now):
		reason = reasonRenewalDue
	}
	if result.Authority = reason; reason != "" {
		var err error
		if current, err = newAuthority(request, current); err != nil {
			return result, err
		}
		result.CrossSigned = current.crossSigned != nil
	}
	var err error
	if result.Server = current.renewalReason(live.Server, server, request); result.Server != "" {
		current.dropExpiredPrevious(request.Now)
		if result.Set.Server, err = current.issue(server, request); err != nil {
			return result, err
		}
		if result.Set.Server[CAKeyFile], err = encodeKey(current.key); err != nil {
			return result, err
		}
	}
	if result.Client = current.renewalReason(live.Client, client, request); result.Client != "" {
		result.Set.Client, err = current.issue(client, request)
	}
	for _, reason := range []*string{&result.Server, &result.Client} {
		if *reason != reasonMissing && result.Authority != "" {
			*reason = reasonAuthorityRenewed
		}
	}
	return result, err
}
