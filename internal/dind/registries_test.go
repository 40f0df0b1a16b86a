package dind

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// certificate returns a new certificate and its key in PEM format.
func certificate(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
}

func TestRegistryFiles(t *testing.T) {
	ca, _ := certificate(t)
	const corp = "corp.example.com:5000"
	for _, test := range []struct {
		name    string
		options Options
		want    map[string]string
	}{
		{"none", Options{RegistryMirrors: []string{"https://hub.example.com"}, InsecureRegistries: []string{corp}}, map[string]string{}},
		{"an authority", Options{RegistryCAs: []string{corp + "=" + ca}}, map[string]string{"registry-ca.corp.example.com_5000.crt": ca}},
		{"mirrors in their order, with their authorities", Options{
			RegistryMirrors:    []string{"quay.io=https://" + corp + "/v2/quay/", "https://hub.example.com", "quay.io=http://second/quay"},
			RegistryCAs:        []string{corp + "=" + ca},
			InsecureRegistries: []string{"second"},
		}, map[string]string{
			"registry-ca.corp.example.com_5000.crt": ca,
			"registry-hosts.quay.io.toml": `server = "https://quay.io"

[host."https://corp.example.com:5000/v2/quay"]
  capabilities = ["pull", "resolve", "referrers"]
  override_path = true
  ca = "/etc/docker/certs.d/corp.example.com:5000/dindctl.crt"

[host."http://second/quay"]
  capabilities = ["pull", "resolve", "referrers"]
  skip_verify = true
`}},
		{"a mirrored registry with an authority", Options{RegistryMirrors: []string{corp + "=https://m"}, RegistryCAs: []string{corp + "=" + ca}}, map[string]string{
			"registry-ca.corp.example.com_5000.crt": ca,
			"registry-hosts.corp.example.com_5000.toml": `server = "https://corp.example.com:5000"
  ca = "/etc/docker/certs.d/corp.example.com:5000/dindctl.crt"

[host."https://m"]
  capabilities = ["pull", "resolve", "referrers"]
`}},
		{"an insecure registry with a mirror", Options{RegistryMirrors: []string{corp + "=https://m"}, InsecureRegistries: []string{corp}}, map[string]string{
			"registry-hosts.corp.example.com_5000.toml": `server = "http://corp.example.com:5000"
  skip_verify = true

[host."https://m"]
  capabilities = ["pull", "resolve", "referrers"]
`}},
		{"a mirror of Docker Hub with an authority", Options{RegistryMirrors: []string{"docker.io=https://" + corp}, RegistryCAs: []string{corp + "=" + ca}}, map[string]string{
			"registry-ca.corp.example.com_5000.crt": ca,
			"registry-hosts.docker.io.toml": `server = "https://registry-1.docker.io"

[host."https://corp.example.com:5000"]
  capabilities = ["pull", "resolve", "referrers"]
  ca = "/etc/docker/certs.d/corp.example.com:5000/dindctl.crt"
`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := test.options.registryFiles()
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for key, file := range got {
				var decoded map[string]any
				if _, err := toml.Decode(file, &decoded); err != nil && strings.HasPrefix(key, hostsPrefix) {
					t.Errorf("%s: %v", key, err)
				}
			}
		})
	}
}

// daemon.json has the mirrors of Docker Hub only.
func TestMirrorsInDaemonJSON(t *testing.T) {
	o := with(func(o *Options) {
		o.RegistryMirrors = []string{"https://a", "quay.io=http://b", "docker.io=https://c", "index.docker.io=https://d"}
	})
	text := plan{Options: o}.daemonJSON()
	for _, mirror := range []string{`"https://a"`, `"https://c"`, `"https://d"`} {
		if !strings.Contains(text, mirror) {
			t.Errorf("no %s in %s", mirror, text)
		}
	}
	if strings.Contains(text, "quay.io") || strings.Contains(text, `"b"`) {
		t.Errorf("a mirror of another registry in %s", text)
	}
}

func TestValidateRegistries(t *testing.T) {
	ca, key := certificate(t)
	for _, test := range []struct {
		name   string
		change func(*Options)
		want   []complaint
	}{
		{"authority", func(o *Options) { o.RegistryCAs = []string{"registry.example.com:5000=" + ca + ca} }, nil},
		{"authority that is kept", func(o *Options) { o.RegistryCAs = []string{"registry.example.com=(not shown)"} }, nil},
		{"authority without a registry", func(o *Options) { o.RegistryCAs = []string{"ca.crt"} }, []complaint{{"--registry-ca", "does not begin with the host"}}},
		{"authority of an IPv6 address", func(o *Options) { o.RegistryCAs = []string{"[::1]:5000=" + ca} }, []complaint{{"--registry-ca", "does not begin with the host"}}},
		{"authority of a URL", func(o *Options) { o.RegistryCAs = []string{"https://r=" + ca} }, []complaint{{"--registry-ca", "does not begin with the host"}}},
		{"authority with its key", func(o *Options) { o.RegistryCAs = []string{"r=" + ca + key} }, []complaint{{"--registry-ca", "private key"}}},
		{"authority that is none", func(o *Options) { o.RegistryCAs = []string{"r=hello"} }, []complaint{{"--registry-ca", "no certificate"}}},
		{"authority that is broken", func(o *Options) {
			o.RegistryCAs = []string{"r=" + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}))}
		}, []complaint{{"--registry-ca", "other than certificates"}}},
		{"all authorities of a system", func(o *Options) { o.RegistryCAs = []string{"r=" + strings.Repeat(ca, 1000)} }, []complaint{{"--registry-ca", "more than 256 KiB"}}},

		{"mirror of another registry", func(o *Options) { o.RegistryMirrors = []string{"quay.io=https://m/quay?="} }, []complaint{{"--registry-mirror", "query"}}},
		{"mirror with an equals sign", func(o *Options) { o.RegistryMirrors = []string{"https://m/a=b", "quay.io:443=http://m:80"} }, nil},
		{"mirror of no registry", func(o *Options) { o.RegistryMirrors = []string{"a_b=https://m"} }, []complaint{{"--registry-mirror", "names a registry that"}}},
		{"mirror of another registry, Engine 28", func(o *Options) { o.RegistryMirrors, o.Image = []string{"quay.io=https://m"}, "docker:28.0.0-dind" }, nil},
		{"mirror of another registry, unknown engine", func(o *Options) { o.RegistryMirrors, o.Image = []string{"quay.io=https://m"}, "docker:dind" }, nil},
		{"mirror of another registry, Engine 27", func(o *Options) { o.RegistryMirrors, o.Image = []string{"quay.io=https://m"}, "docker:27.5-dind" },
			[]complaint{{"--registry-mirror", "which Docker Engine 27 does not support"}}},
		{"mirror of Docker Hub by name, Engine 27", func(o *Options) { o.RegistryMirrors, o.Image = []string{"docker.io=https://m"}, "docker:27.5-dind" }, nil},
	} {
		t.Run(test.name, func(t *testing.T) { checkComplaints(t, with(test.change).Validate(), test.want) })
	}
}

// The options remember for which registries there are authorities, and the ConfigMap has
// them.
func TestAuthoritiesAreRemembered(t *testing.T) {
	ca, _ := certificate(t)
	o := with(func(o *Options) { o.RegistryCAs = []string{"a:5000=" + ca, "b=" + ca + ca} })
	deployment := deploymentOf(t, o, Live{})
	if annotation := deployment.Annotations[OptionsAnnotation]; strings.Contains(annotation, "CERTIFICATE") || !strings.Contains(annotation, `"a:5000=(not shown)"`) {
		t.Errorf("annotation %s", annotation)
	}
	last, _ := Remembered(deployment)
	config := &corev1.ConfigMap{Data: plan{Options: o}.configData()}
	if diff := cmp.Diff(o, last.WithConfig(config)); diff != "" {
		t.Errorf("remembered (-want +got):\n%s", diff)
	}
	_, err := Build(last.WithConfig(nil), Live{Deployment: deployment})
	checkComplaints(t, err, []complaint{{"--registry-ca", "none to keep"}, {"--registry-ca", "none to keep"}})
	if dropped := o.Dropped(Defaults()); !slices.Equal(dropped, []string{"--registry-ca a:5000", "--registry-ca b"}) {
		t.Errorf("dropped %q", dropped)
	}
}

// registries.sh puts each file where the engine looks for it, and keeps those of the image.
func TestRegistriesScript(t *testing.T) {
	ca, _ := certificate(t)
	o := Options{RegistryCAs: []string{"corp.example.com:5000=" + ca, "plain=" + ca}, RegistryMirrors: []string{"quay.io=https://corp.example.com:5000"}}
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			for key, file := range o.registryFiles() {
				b.write("etc/dindctl/"+key, file)
			}
			b.write("etc/docker/certs.d/plain/ca.crt", "the image's")
			got := b.runFile(shell, "registries.sh", nil)
			if got.code != 0 || got.stderr != "" {
				t.Fatalf("exit code %d, %s", got.code, got.stderr)
			}
			files := map[string]string{
				"corp.example.com:5000/dindctl.crt": ca, "plain/dindctl.crt": ca, "plain/ca.crt": "the image's",
				"quay.io/hosts.toml": o.hostsFile("quay.io"),
			}
			for _, file := range slices.Sorted(maps.Keys(files)) {
				if text := b.read("etc/docker/certs.d/" + file); text != files[file] {
					t.Errorf("%s has %q", file, text)
				}
			}
		})
	}
}
