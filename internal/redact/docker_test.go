package redact

import "testing"

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
