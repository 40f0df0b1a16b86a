package lifecycle

import (
	"time"

	"github.com/dindctl/dindctl/internal/certs"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/progress"
)

// certificates returns what the Secrets of TLS are to hold: what they hold now, as
// long as it is valid.
func (i Instance) certificates(found installation, options dind.Options, rotate bool) (certs.Renewal, error) {
	request := certificateRequest(options, i.Now())
	request.Rotate = rotate
	return certs.Renew(found.liveCertificates(), request)
}

// liveCertificates returns the certificates in the Secrets of TLS; none of a Secret that
// does not exist.
func (f installation) liveCertificates() (live certs.Set) {
	if secret := f.serverSecret(); secret != nil {
		live.Server = secret.Data
	}
	if secret := f.clientSecret(); secret != nil {
		live.Client = secret.Data
	}
	return live
}

func certificateRequest(options dind.Options, now time.Time) certs.Request {
	return certs.Request{Instance: options.Name, Names: append(dind.ServerNames(options), "127.0.0.1", "::1"), Now: now}
}

// NewCertificates returns the first certificates of an installation with these options.
func NewCertificates(options dind.Options, now time.Time) (dind.CertificateFiles, error) {
	renewal, err := certs.Renew(certs.Set{}, certificateRequest(options, now))
	return dind.CertificateFiles(renewal.Set), err
}

// reportTLSChange reports what changes for jobs; is is "would be" for a dry run.
func (i Instance) reportTLSChange(found installation, options dind.Options, renewal certs.Renewal, is string) {
	const consequences = "the pod restarts; jobs fail until they have what `dindctl env` prints; the cache stays"
	if found.deployment() != nil && found.servesTLS() != options.TLS {
		if options.TLS {
			progress.Warn(i.Observer, "TLS "+is+" enabled: "+consequences)
		} else {
			progress.Warn(i.Observer, "TLS "+is+" disabled, and then anyone who can reach the port gets access: "+consequences)
		}
		return
	}
	if found.serverSecret() == nil {
		return // the first certificates are no news
	}
	renewed := func(what, why, then string) string {
		return "the " + what + " " + is + " renewed (" + why + "): " + then
	}
	if renewal.Authority != "" && !renewal.CrossSigned {
		progress.Warn(i.Observer, renewed("certificate authority", renewal.Authority, "jobs with certificates from the previous authority are rejected"))
	} else if renewal.Authority != "" {
		progress.Inform(i.Observer, renewed("certificate authority", renewal.Authority, "jobs with certificates from the previous authority keep working"))
	}
	if renewal.Server != "" {
		progress.Inform(i.Observer, renewed("daemon's certificate", renewal.Server, "the pod restarts"))
	}
	if renewal.Client != "" {
		progress.Inform(i.Observer, renewed("clients' certificate", renewal.Client, "jobs that start from now on use it"))
	}
}
