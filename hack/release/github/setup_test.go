package github

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// program is what the archives have as the program.
const program = "#!/bin/sh\necho dindctl v1.2.3\n"

// tarball returns an archive for Linux and macOS.
func tarball(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	compressed := gzip.NewWriter(&b)
	archive := tar.NewWriter(compressed)
	for name, text := range map[string]string{"LICENSE": "text", "dindctl": program} {
		err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text))})
		if err == nil {
			_, err = io.WriteString(archive, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := compressed.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// zipped returns an archive for Windows.
func zipped(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	archive := zip.NewWriter(&b)
	w, err := archive.Create("dindctl.exe")
	if err == nil {
		_, err = io.WriteString(w, program)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// archiveName returns the name of an archive in the release, as .goreleaser.yaml has it.
func archiveName(t *testing.T, system, processor, extension string) string {
	t.Helper()
	config, err := os.ReadFile("../../../.goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	template := regexp.MustCompile(`\n    name_template: "(.*)"\n`).FindSubmatch(config)
	if template == nil || !bytes.Contains(config, []byte("\n  name_template: checksums.txt\n")) {
		t.Fatal(".goreleaser.yaml does not name the archives, or the checksums otherwise")
	}
	return strings.NewReplacer("{{ .ProjectName }}", "dindctl", "{{ .Version }}", "1.2.3", "{{ .Os }}", system, "{{ .Arch }}", processor).
		Replace(string(template[1])) + "." + extension
}

// setup runs the script with a server of these files of release v1.2.3, and returns what
// it has added to PATH and to its outputs.
func setup(t *testing.T, files map[string][]byte, variables ...string) (path, outputs, printed string, err error) {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/latest", http.RedirectHandler("/tag/v1.2.3", http.StatusFound))
	mux.HandleFunc("/tag/v1.2.3", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/download/v1.2.3/{file}", func(w http.ResponseWriter, r *http.Request) {
		content, there := files[r.PathValue("file")]
		if !there {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(content)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	folder := t.TempDir()
	command := exec.CommandContext(t.Context(), "./setup.sh")
	command.Env = append(append(os.Environ(), "RELEASES="+server.URL, "RUNNER_OS=Linux", "RUNNER_ARCH=X64", "no_proxy=127.0.0.1",
		"RUNNER_TEMP="+folder, "GITHUB_PATH="+filepath.Join(folder, "path"), "GITHUB_OUTPUT="+filepath.Join(folder, "output")), variables...)
	out, err := command.CombinedOutput()
	read := func(name string) string {
		text, _ := os.ReadFile(filepath.Join(folder, name)) // none if the script has failed
		return strings.TrimSpace(string(text))
	}
	return read("path"), read("output"), string(out), err
}

func sums(name string, content []byte) []byte {
	return fmt.Appendf(nil, "%x  %s\n%x  %s.sbom\n", sha256.Sum256(content), name, sha256.Sum256(nil), name)
}

func TestSetup(t *testing.T) {
	for _, test := range []struct {
		os, arch, name, file string
		content              []byte
	}{
		{"Linux", "X64", archiveName(t, "linux", "amd64", "tar.gz"), "dindctl", tarball(t)},
		{"macOS", "ARM64", archiveName(t, "darwin", "arm64", "tar.gz"), "dindctl", tarball(t)},
		{"Windows", "X64", archiveName(t, "windows", "amd64", "zip"), "dindctl.exe", zipped(t)},
	} {
		for _, version := range []string{"v1.2.3", "1.2.3", "latest", ""} {
			t.Run(test.os+" "+version, func(t *testing.T) {
				files := map[string][]byte{test.name: test.content, "checksums.txt": sums(test.name, test.content)}
				path, outputs, printed, err := setup(t, files, "VERSION="+version, "RUNNER_OS="+test.os, "RUNNER_ARCH="+test.arch)
				if err != nil || outputs != "version=v1.2.3" {
					t.Fatalf("%v, outputs %q\n%s", err, outputs, printed)
				}
				found, err := os.ReadDir(path)
				if err != nil || len(found) != 1 || found[0].Name() != test.file {
					t.Fatalf("%s: %v, %v", path, found, err)
				}
				if text, err := os.ReadFile(filepath.Join(path, test.file)); err != nil || string(text) != program {
					t.Errorf("%q, %v", text, err)
				}
				if test.os == "Linux" {
					if out, err := exec.Command(filepath.Join(path, test.file)).Output(); err != nil || string(out) != "dindctl v1.2.3\n" {
						t.Errorf("%q, %v", out, err)
					}
				}
			})
		}
	}
}

// Nothing is added to PATH if the archive is not the one of the checksum.
func TestSetupRefuses(t *testing.T) {
	name, content := archiveName(t, "linux", "amd64", "tar.gz"), tarball(t)
	good := map[string][]byte{name: content, "checksums.txt": sums(name, content)}
	for _, test := range []struct {
		name     string
		files    map[string][]byte
		variable string
		message  string
	}{
		{"a wrong checksum", map[string][]byte{name: content, "checksums.txt": sums(name, []byte("other"))}, "", "the checksum of " + name + " is "},
		{"no checksum", map[string][]byte{name: content, "checksums.txt": sums("other", content)}, "", "has no checksum of " + name},
		{"no archive", map[string][]byte{"checksums.txt": sums(name, content)}, "", "cannot download " + name},
		{"no such version", good, "VERSION=v9.9.9", "cannot download checksums.txt of v9.9.9"},
		{"no version", good, "VERSION=v1.2.3/../..", "is no version such as v1.2.3"},
		{"another system", good, "RUNNER_OS=Plan9", "no release for Plan9"},
		{"another processor", good, "RUNNER_ARCH=X86", "no release for X86"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path, outputs, printed, err := setup(t, test.files, "VERSION=v1.2.3", test.variable)
			if err == nil || path != "" || outputs != "" || !strings.Contains(printed, "::error::dindctl: ") || !strings.Contains(printed, test.message) {
				t.Errorf("%v, path %q, outputs %q\n%s", err, path, outputs, printed)
			}
		})
	}
}
