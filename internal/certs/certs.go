// Package certs makes and renews the certificates of one installation: an
// authority of its own, a certificate for the daemon and one that all its
// clients share. It is pure but for chance: what there is and the time are
// arguments, the result is bytes.
//
// An authority is replaced with an overlap. The new one's certificate is also
// signed by the old one (the bridge), and the bridge goes along with every new
// certificate, so that whoever knows only the old authority believes the new
// certificates; and both authorities are trusted by whoever gets new files. In
// whatever order daemon and clients take up theirs, each pair of them gets on.
package certs

import "time"

// The files of a directory of certificates, under docker's names for them.
// CAKeyFile is dindctl's, to be kept where only the next renewal reads it.
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
	// backdated certificates are valid for those whose clock is behind.
	backdated = day
)

// Files are the files of one directory, by name.
type Files = map[string][]byte

// Set is what an installation has: the daemon's files, the authority's key among
// them, and the clients'. The zero value is an installation without any.
type Set struct{ Server, Client Files }

// Request says what the certificates are to be like.
type Request struct {
	// Instance names the installation, for people who look at a certificate.
	Instance string
	// Names are what clients call the daemon, DNS names and addresses.
	Names []string
	Now   time.Time
	// Rotate replaces the authority, and with it all certificates.
	Rotate bool
}

// Renewal is what Renew comes to.
type Renewal struct {
	Set Set
	// Authority, Server and Client say why each was made anew; empty for what
	// stays as it is.
	Authority, Server, Client string
	// Bridged tells that whoever has the files of before is still let in and
	// still believes the daemon.
	Bridged bool
}

// Changed tells whether anything was made anew.
func (r Renewal) Changed() bool { return r.Authority+r.Server+r.Client != "" }

// The reasons for making something anew that others may want to tell apart.
const (
	Missing = "there is none"
	Asked   = "asked for"
	Aged    = "less than a third of its life is left"
	// follows is the reason of certificates whose authority goes.
	follows = "with its authority"
)

// Renew keeps what is good and makes the rest: what is missing, cannot be read,
// does not fit the rest, has less than a third of its life left, or lacks one of
// the names. Only chance can fail it.
func Renew(live Set, wish Request) (Renewal, error) {
	result := Renewal{Set: live, Bridged: true}
	current, fault := readAuthority(live.Server)
	switch {
	case fault == "" && wish.Rotate:
		fault = Asked
	case fault == "" && aged(current.cert, wish.Now):
		fault = Aged
	}
	if result.Authority = fault; fault != "" {
		var err error
		if current, err = newAuthority(wish, current); err != nil {
			return result, err
		}
		result.Bridged = current.bridge != nil
	}
	var err error
	if result.Server = current.invalidReason(live.Server, server, wish); result.Server != "" {
		current.forget(wish.Now)
		if result.Set.Server, err = current.issue(server, wish); err != nil {
			return result, err
		}
		if result.Set.Server[CAKeyFile], err = encodeKey(current.key); err != nil {
			return result, err
		}
	}
	if result.Client = current.invalidReason(live.Client, client, wish); result.Client != "" {
		result.Set.Client, err = current.issue(client, wish)
	}
	for _, reason := range []*string{&result.Server, &result.Client} {
		if *reason != Missing && result.Authority != "" {
			*reason = follows
		}
	}
	return result, err
}
