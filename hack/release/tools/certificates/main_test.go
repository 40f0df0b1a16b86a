package main

import (
	"bytes"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
)

// The file has certificates that x509 reads, and enough to be all of them.
func TestWrite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new", "ca-certificates.crt")
	if err := write(file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(text) {
		t.Error("x509 reads no certificate")
	}
	if got := bytes.Count(text, []byte("BEGIN CERTIFICATE")); got < 100 {
		t.Errorf("%d certificates", got)
	}
}
