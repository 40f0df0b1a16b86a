package dind

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestParseSize(t *testing.T) {
	for s, want := range map[string]int64{
		"1": 1, "10B": 10, "20G": 20e9, "20GB": 20e9, "20gb": 20e9, "20Gi": 20 << 30, "20GiB": 20 << 30, "1.5Ki": 1536,
		"5k": 5000, "5K": 5000, "5kB": 5000, "5Ki": 5120, "1mb": 1e6, "1M": 1e6, "2 TB": 2e12, "1Pi": 1 << 50,
		"": 0, "G": 0, "-1G": 0, "0": 0, "0GB": 0, "1m": 0, "1e3": 0, "1X": 0, "1GB ": 0, "99999999Pi": 0, "75%": 0,
	} {
		got, err := ParseSize(s)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", s, got, err, want)
		}
	}
}

func TestCacheLimitOf(t *testing.T) {
	for _, test := range []struct {
		limit  string
		volume int64
		want   int64
	}{
		{"75%", 100 << 30, 75 << 30},
		{"33%", 101, 33},
		{"95%", 1<<63 - 1, 8762203435012037016},
		{"20GB", 100 << 30, 20e9},
	} {
		limit, err := ParseCacheLimit(test.limit)
		if err != nil || limit.Of(test.volume) != test.want {
			t.Errorf("%s of %d = %d, want %d (%v)", test.limit, test.volume, limit.Of(test.volume), test.want, err)
		}
	}
}

func TestParseUnusedFor(t *testing.T) {
	for s, want := range map[string]string{
		"168h": "168h", "1h30m": "1h30m", "7d": "168h", "1d12h": "24h12h", "0": "0", "0s": "0", "0d": "0", "1s": "1s",
	} {
		if got, err := parseUnusedFor(s); got != want || err != nil {
			t.Errorf("parseUnusedFor(%q) = %q, %v; want %q", s, got, err, want)
		}
	}
}

func TestParseToleration(t *testing.T) {
	for s, want := range map[string]corev1.Toleration{
		"spot":                 {Key: "spot", Operator: corev1.TolerationOpExists},
		"spot:NoExecute":       {Key: "spot", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute},
		"dedicated=ci":         {Key: "dedicated", Operator: corev1.TolerationOpEqual, Value: "ci"},
		"a.io/b=ci:NoSchedule": {Key: "a.io/b", Operator: corev1.TolerationOpEqual, Value: "ci", Effect: corev1.TaintEffectNoSchedule},
	} {
		got, err := parseToleration(s)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("parseToleration(%q): %v\n%s", s, err, diff)
		}
	}
}

func TestEngineVersion(t *testing.T) {
	for image, want := range map[string]string{
		DefaultImage: "29.7.2", "docker:29-dind": "29", "docker:24.0-dind-alpine3.18": "24.0", "r:5000/x/docker:v28.5.1": "28.5.1",
		"docker:29.7.2-dind@sha256:" + strings.Repeat("a", 64): "29.7.2",
		"docker:dind": "", "docker": "", "docker@sha256:" + strings.Repeat("a", 64): "", "docker:29rc1": "", "docker:1.2.3.4": "", "Docker:29": "",
	} {
		if got := EngineVersion(image); got != want {
			t.Errorf("EngineVersion(%q) = %q, want %q", image, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	got := []string{ClaimName("n"), ConfigName("n"), CronJobName("n"), VolumeObjectName("ns", "n"), Endpoint("ns", "n", false)}
	want := []string{"n-data", "n-config", "n-clear-cache", "ns-n-data", "tcp://n.ns.svc:2375"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n := len(CronJobName(strings.Repeat("a", maxNameLength))); n != 52 {
		t.Errorf("the longest CronJob name has %d characters, want 52", n)
	}
	wantVariables := []Variable{{"DOCKER_HOST", "tcp://n.ns.svc:2375"}, {"DOCKER_TLS_CERTDIR", ""}}
	if diff := cmp.Diff(wantVariables, Variables("ns", "n", false)); diff != "" {
		t.Error(diff)
	}
}

// expand expands variables like Kubernetes in commands, arguments and variables.
func expand(s string, variables map[string]string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '$' || i+1 == len(s) {
			out.WriteByte(s[i])
			continue
		}
		i++
		end := strings.IndexByte(s[i:], ')')
		switch {
		case s[i] == '$':
			out.WriteByte('$')
		case s[i] == '(' && end > 0:
			name := s[i+1 : i+end]
			if value, ok := variables[name]; ok {
				out.WriteString(value)
			} else {
				out.WriteString("$(" + name + ")")
			}
			i += end
		default:
			out.WriteString("$" + s[i:i+1])
		}
	}
	return out.String()
}

func FuzzLiteral(f *testing.F) {
	for _, s := range []string{"", "plain", "a$b", "$(HOME)", "$$", "$$(HOME)", "$", "$(", "a$$$(HOME)$", "$HOME)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := expand(literal(s), map[string]string{"HOME": "/root"}); got != s {
			t.Errorf("literal(%q) expands to %q", s, got)
		}
	})
}

func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"1", "20GB", "20Gi", "1m", "1.5 kB", "99999999999999999999Pi", "0.0000001G"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		size, err := ParseSize(s)
		if (err == nil) != (size > 0) {
			t.Errorf("ParseSize(%q) = %d, %v", s, size, err)
		}
	})
}

func FuzzParseUnusedFor(f *testing.F) {
	for _, s := range []string{"0", "168h", "7d", "1d1d", "99999d", "1d-30h", "-0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseUnusedFor(s)
		if err != nil {
			return
		}
		if age, err := time.ParseDuration(got); err != nil || age < 0 || age > 0 && age < time.Second {
			t.Errorf("parseUnusedFor(%q) = %q, which the engine would misread: %v", s, got, err)
		}
	})
}

// FuzzValidate checks that valid options build and that nothing panics.
func FuzzValidate(f *testing.F) {
	f.Add("docker-dind", "docker:29-dind", "100Gi", "75%", "a=b:NoSchedule", "https://m", "r:5000", "A=b", "--x", "0 0 * * 0", "7d")
	f.Add("", "", "", "", "", "", "", "", "", "", "")
	f.Fuzz(func(t *testing.T, name, image, size, cache, toleration, mirror, registry, env, arg, schedule, unused string) {
		o := with(func(o *Options) {
			o.Name, o.Image, o.StorageSize, o.CacheLimit, o.PruneSchedule, o.PruneUnusedFor = name, image, size, cache, schedule, unused
			o.Tolerations, o.RegistryMirrors, o.InsecureRegistries = []string{toleration}, []string{mirror}, []string{registry}
			o.Env, o.DockerdArgs = []string{env}, []string{arg}
			o.CPULimit, o.MemoryLimit = size, size
		})
		objects, err := Build(o, Live{})
		if err != nil {
			return
		}
		if _, err := objects.YAML(); err != nil {
			t.Error(err)
		}
	})
}
