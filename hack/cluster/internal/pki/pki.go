// Package pki creates the cluster's certificates, keys, tokens and kubeconfigs,
// once: a restart changes no credential.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
)

// Names of the files in the directory that Ensure fills.
const (
	CA             = "ca"
	APIServer      = "apiserver"
	KubeletServer  = "kubelet"
	KubeletClient  = "apiserver-kubelet-client"
	ServiceAccount = "service-account"
)

// Ensure creates what is missing. The file complete is written last: after an
// interrupted run everything is created again, and two CAs are never mixed.
func Ensure(directory, nodeAddress, serviceAddress, nodeName string) error {
	complete := filepath.Join(directory, "complete")
	if _, err := os.Stat(complete); err == nil {
		return nil
	}
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return err
	}
	authority, err := newAuthority(directory)
	if err != nil {
		return err
	}
	addresses := []net.IP{net.ParseIP(nodeAddress), net.ParseIP(serviceAddress), net.IPv4(127, 0, 0, 1)}
	err = errors.Join(
		authority.issue(directory, APIServer, &x509.Certificate{
			Subject: pkix.Name{CommonName: "kube-apiserver"},
			DNSNames: []string{
				"localhost", nodeName, "kubernetes", "kubernetes.default",
				"kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
			},
			IPAddresses: addresses,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}),
		authority.issue(directory, KubeletServer, kubelet(nodeName, addresses...)),
		authority.issue(directory, KubeletClient, &x509.Certificate{
			Subject:     pkix.Name{CommonName: "kube-apiserver-kubelet-client", Organization: []string{"system:masters"}},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		}),
		writeServiceAccountKeys(directory),
	)
	if err != nil {
		return err
	}
	return paths.WriteFile(complete, nil, 0o600)
}

// EnsureKubelet issues the serving certificate of another node's kubelet, unless it
// exists.
func EnsureKubelet(directory, certificate, nodeName, address string) error {
	if _, err := os.Stat(filepath.Join(directory, certificate+".key")); err == nil {
		return nil
	}
	a, err := loadAuthority(directory)
	if err != nil {
		return err
	}
	return a.issue(directory, certificate, kubelet(nodeName, net.ParseIP(address)))
}

// kubelet returns the template of a kubelet's serving certificate.
func kubelet(nodeName string, addresses ...net.IP) *x509.Certificate {
	return &x509.Certificate{
		Subject:     pkix.Name{CommonName: "system:node:" + nodeName, Organization: []string{"system:nodes"}},
		DNSNames:    []string{nodeName},
		IPAddresses: addresses,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(directory string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		Subject:               pkix.Name{CommonName: "dindctl-cluster-ca"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().AddDate(10, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{certificate, key}, writePair(directory, CA, der, key)
}

func (a *authority) issue(directory, name string, template *x509.Certificate) error {
	der, key, err := a.sign(template)
	if err != nil {
		return fmt.Errorf("issuing the certificate %s: %w", name, err)
	}
	return writePair(directory, name, der, key)
}

func (a *authority) sign(template *x509.Certificate) (der []byte, key *ecdsa.PrivateKey, err error) {
	if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, nil, err
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = a.certificate.NotBefore, a.certificate.NotAfter
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err = x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	return der, key, err
}

func writePair(directory, name string, certificate []byte, key *ecdsa.PrivateKey) error {
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		writePEM(filepath.Join(directory, name+".crt"), certificateBlock, certificate),
		writePEM(filepath.Join(directory, name+".key"), keyBlock, private),
	)
}

func writeServiceAccountKeys(directory string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		writePEM(filepath.Join(directory, ServiceAccount+".pub"), "PUBLIC KEY", public),
		writePEM(filepath.Join(directory, ServiceAccount+".key"), keyBlock, private),
	)
}

// The types of PEM blocks.
const (
	certificateBlock = "CERTIFICATE"
	keyBlock         = "PRIVATE KEY"
)

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func writePEM(path, kind string, der []byte) error {
	return paths.WriteFile(path, encode(kind, der), 0o600)
}
