package dind

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/robfig/cron/v3"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

// daemonFile returns the built daemon.json.
func daemonFile(t *testing.T, objects map[string]any) daemonConfig {
	t.Helper()
	var config daemonConfig
	if err := json.Unmarshal([]byte(objects["ConfigMap"].(*corev1.ConfigMap).Data[configKey]), &config); err != nil {
		t.Fatal(err)
	}
	return config
}

func FuzzMirror(f *testing.F) {
	for _, s := range []string{"", "https://m", "http://m:5000/", "m", "ftp://m", "https://u:p@m", "https://m?q", "https://m/#", "https://[::1]:5000", "https://m/p", "http://", "http://m:0", "https://m/%2f", "http://ä", "http://m/\xa3", "http://m/\ufeff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, mirror string) {
		objects := built(t, func(o *Options) { o.RegistryMirrors = []string{mirror} }, "--registry-mirror")
		if objects == nil {
			return
		}
		config := daemonFile(t, objects)
		if !slices.Equal(config.RegistryMirrors, []string{mirror}) {
			t.Errorf("%q became %q", mirror, config.RegistryMirrors)
		}
		if plain := strings.HasPrefix(strings.ToLower(mirror), "http://"); plain != (len(config.InsecureRegistries) == 1) {
			t.Errorf("%q: insecure registries %q", mirror, config.InsecureRegistries)
		}
		for _, registry := range config.InsecureRegistries {
			if reason := registryProblem(registry); reason != "" {
				t.Errorf("%q makes an insecure registry that dockerd refuses: %q %s", mirror, registry, reason)
			}
		}
	})
}

func FuzzInsecureRegistry(f *testing.F) {
	for _, s := range []string{"", "r", "r:5000", "10.0.0.0/8", "[::1]:5000", "::1", "http://r", "r:0", "r:99999", "r:", "a..b", "r/path", "[r]:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, registry string) {
		objects := built(t, func(o *Options) { o.InsecureRegistries = []string{registry} }, "--insecure-registry")
		if objects != nil && !slices.Equal(daemonFile(t, objects).InsecureRegistries, []string{registry}) {
			t.Errorf("%q became %q", registry, daemonFile(t, objects).InsecureRegistries)
		}
	})
}

func FuzzEnv(f *testing.F) {
	for _, s := range []string{"", "A", "A=", "A=b=c", "=b", "1=b", "A=$(HOME)", "A=$$", "A=\x00", "DOCKER_HOST=x", "A=ä\n\xff", "A=: - #", "A=\x7f\u0085\ufeff\uffff\\\U0001F433"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, pair string) {
		objects := built(t, func(o *Options) { o.Env = []string{pair} }, "--env")
		if objects == nil {
			return
		}
		env := daemonPod(objects).Containers[0].Env
		last := env[len(env)-1]
		if got := last.Name + "=" + expand(last.Value, nil); got != pair {
			t.Errorf("%q arrives as %q", pair, got)
		}
		if env[0].Name != "DOCKER_TLS_CERTDIR" || env[0].Value != "" || env[1].Name != nodeAddressEnv || len(env) != 3 {
			t.Errorf("%q: variables %v", pair, env)
		}
	})
}

func FuzzDockerdArg(f *testing.F) {
	for _, s := range []string{"", "-", "--", "--mtu=1", "-D", "-Htcp://x", "-DHtcp://x", "--host=x", "--tls=true", "x", "--a=$(HOME)", "--\x00", "--a b", "-\xff", "--host0", "--tls", "-\x7f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		objects := built(t, func(o *Options) { o.DockerdArgs = []string{arg} }, "--dockerd-arg")
		if objects == nil {
			return
		}
		args := daemonPod(objects).Containers[0].Args
		if len(args) != 2 || args[0] != "--tls=false" || expand(args[1], nil) != arg {
			t.Errorf("%q arrives as %q", arg, args)
		}
		if name, _, _ := strings.Cut(arg, "="); name == "--host" || strings.HasPrefix(strings.ReplaceAll(name, "D", ""), "-H") || strings.HasPrefix(name, "--tls") {
			t.Errorf("%q passes", arg)
		}
	})
}

func FuzzCacheLimit(f *testing.F) {
	for _, s := range []string{"", "75%", "0%", "100%", "%", "1.5%", "50Gi", "50GB", "1", "1Ti", "-1", "96%", "87%", " 5%", "5 %", "0.4"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, limit string) {
		const volume = 100 << 30
		objects := built(t, func(o *Options) { o.CacheLimit, o.StorageSize = limit, "100Gi" }, "--cache-limit")
		if objects == nil {
			return
		}
		gc := daemonFile(t, objects).Builder.GC
		bytes, err := strconv.ParseInt(gc.Policy[0].KeepStorage, 10, 64)
		if err != nil || bytes <= 0 || bytes > volume || !gc.Enabled || !gc.Policy[1].All || gc.Policy[1].KeepStorage != gc.Policy[0].KeepStorage {
			t.Errorf("%q became %+v", limit, gc)
		}
	})
}

func FuzzSchedule(f *testing.F) {
	for _, s := range []string{"", "0 0 * * 0", "none", "@weekly", "@every 1h", "@every -1h", "* * * * * *", "0 0 31 2 *", "TZ=UTC 0 0 * * 0", "61 * * * *", "*/0 * * * *", "0 0 * * MON", "@reboot", "0-4294967295 * * * *"} {
		f.Add(s, "7d", "")
		f.Add(s, "0", "Europe/Prague")
	}
	f.Add("0 0 * * 0", "1ns", "Local")
	f.Add("0 0 * * 0", "1d-1h", "../../etc/passwd")
	f.Fuzz(func(t *testing.T, schedule, unused, zone string) {
		objects := built(t, func(o *Options) {
			o.PruneSchedule, o.PruneUnusedFor, o.PruneTimezone = schedule, unused, zone
		}, "--prune-schedule", "--prune-unused-for", "--prune-timezone")
		if objects == nil {
			return
		}
		if objects["CronJob"] == nil {
			if schedule != NoSchedule {
				t.Errorf("%q gives no CronJob", schedule)
			}
			return
		}
		spec := objects["CronJob"].(*batchv1.CronJob).Spec
		if _, err := cron.ParseStandard(spec.Schedule); err != nil || spec.Schedule != schedule || strings.Contains(schedule, "TZ") {
			t.Errorf("%q became %q: %v", schedule, spec.Schedule, err)
		}
		if (spec.TimeZone == nil) != (zone == "") || spec.TimeZone != nil && *spec.TimeZone != zone {
			t.Errorf("time zone %q became %v", zone, spec.TimeZone)
		}
		if spec.TimeZone != nil {
			if _, err := time.LoadLocation(*spec.TimeZone); err != nil {
				t.Error(err)
			}
		}
	})
}
