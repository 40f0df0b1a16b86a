package redact

import (
	"strings"
	"testing"
)

func TestFlag(t *testing.T) {
	for arg, want := range map[string]string{
		"--debug":                             "--debug",
		"--tls=false":                         "--tls=false",
		"--max-concurrent-downloads=6":        "--max-concurrent-downloads=6",
		"--max-concurrent-downloads=secret":   "--max-concurrent-downloads=(not shown)",
		"--storage-driver=overlay2":           "--storage-driver=overlay2",
		"--dns=10.0.0.10":                     "--dns=10.0.0.10",
		"--log-opt=splunk-token=secret":       "--log-opt=(not shown)",
		"--unknown=secret":                    "--unknown=(not shown)",
		"--https-proxy=http://me:it@proxy:80": "--https-proxy=http://(not shown)@proxy:80",
		"--https-proxy=me:it@proxy":           "--https-proxy=(not shown)@proxy",
		"-D":                                  "-D",
		"-l=secret":                           "-l=(not shown)",
		"-lsecret":                            "-l(not shown)",
		"secret":                              "(not shown)",
		"":                                    "(not shown)",
	} {
		if got := Flag(arg); got != want {
			t.Errorf("%s: %s, want %s", arg, got, want)
		}
	}
}

func TestFlagSecrets(t *testing.T) {
	for arg, want := range map[string]string{
		"--storage-driver=overlay2": "", "--debug": "", "--log-opt=token=secret": "token=secret", "-lsecret": "-lsecret",
		"--https-proxy=http://me:it@proxy": "http://me:it@proxy",
	} {
		if got := strings.Join(FlagSecrets(arg), " "); got != want {
			t.Errorf("%s: %q, want %q", arg, got, want)
		}
	}
}

// A value that is no secret stays readable where the daemon's messages repeat it.
func TestPublicValuesStayReadable(t *testing.T) {
	const said = "storage driver overlay2 and server 10.0.0.10, token secret-1"
	var secrets []string
	for _, arg := range []string{"--storage-driver=overlay2", "--dns=10.0.0.10", "--log-opt=token=secret-1"} {
		secrets = append(secrets, FlagSecrets(arg)...)
	}
	if got := Of(secrets...).In(said); got != "storage driver overlay2 and server 10.0.0.10, token (not shown)" {
		t.Error(got)
	}
}
