package dind

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// limitsBox returns a box with the ConfigMap's daemon.json for a claim of 100 GiB, and a
// stat for a file system of some GiB: its own, the node's, or one on the node's Btrfs,
// which has two devices.
func limitsBox(t *testing.T, o Options, diskGiB int64, disk string) box {
	t.Helper()
	b := newBox(t)
	limit, _ := ParseCacheLimit(o.CacheLimit)
	b.write("etc/dindctl/daemon.json", plan{Options: o, cacheBytes: limit.Of(100 << 30)}.daemonJSON())
	own, node, free := "7", "8", "20"
	switch disk {
	case "node":
		own = node
	case "btrfs":
		free = "10"
	}
	size := fmt.Sprintf("1073741824 %d", diskGiB)
	if diskGiB == 0 {
		size = "" // unknown
	}
	b.stub("stat", `case "$*" in
"-c %d "*/docker) echo `+own+` ;;
"-c %d "*/hosts) echo `+node+` ;;
*%f*/docker) echo `+size+` `+free+` ;;
*%f*/hosts) echo `+size+` 10 ;;
*) echo `+size+` ;;
esac`)
	return b
}

// The limits go by the smaller of claim and file system. The claim has 100 GiB.
func TestLimitsScript(t *testing.T) {
	const gib = 1 << 30
	part := func(diskGiB, percent int64) int64 { return diskGiB * gib / 100 * percent }
	for _, test := range []struct {
		name              string
		options           func(*Options)
		diskGiB           int64
		disk              string
		limit, configured int64
		percentFree       int64 // that engines since 28 keep free
		records           []string
	}{
		{"as large as the claim", func(*Options) {}, 100, "", 75 * gib, 75 * gib, 15, []string{"H|85"}},
		{"larger than the claim", func(*Options) {}, 1000, "", 75 * gib, 75 * gib, 15, []string{"H|85"}},
		{"smaller than the claim", func(*Options) {}, 40, "", part(40, 75), 75 * gib, 15, []string{"H|85"}},
		{"a size that fits", func(o *Options) { o.CacheLimit = "50Gi" }, 100, "", 50 * gib, 50 * gib, 15, []string{"H|85"}},
		{"a size that does not fit", func(o *Options) { o.CacheLimit = "50Gi" }, 40, "", part(40, 84), 50 * gib, 15, []string{"H|85"}},
		{"no threshold", func(o *Options) { o.HighWater, o.CacheLimit = "none", "90%" }, 10, "", part(10, 90), 90 * gib, 0, nil},
		{"the node's disk", func(*Options) {}, 100, "node", 75 * gib, 75 * gib, 20, []string{"N|1", "H|80"}},
		{"the node's Btrfs", func(*Options) {}, 100, "btrfs", 75 * gib, 75 * gib, 20, []string{"N|1", "H|80"}},
		{"more cache than the threshold of the node's disk", func(o *Options) { o.CacheLimit = "84%" }, 100, "node", 79 * gib, 84 * gib, 20, []string{"N|1", "H|80"}},
		{"a given threshold on the node's disk", func(o *Options) { o.HighWater = "90%" }, 100, "node", 75 * gib, 75 * gib, 10, []string{"N|1", "H|90"}},
		{"an unknown size", func(*Options) {}, 0, "", 75 * gib, 75 * gib, 0, []string{"H|85"}},
	} {
		for name, shell := range shells(t) {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				o := with(test.options)
				b := limitsBox(t, o, test.diskGiB, test.disk)
				args := plan{Options: o}.startArgs()
				got := b.runText(shell, "high_water="+args[2]+" node_high_water="+args[3]+" cache_share="+args[4]+"\n"+commented()["limits.sh"]+`echo "$config_file"`, nil)
				if got.code != 0 {
					t.Fatalf("exit code %d: %s", got.code, got.stderr)
				}
				var config struct {
					Builder struct {
						GC struct{ Policy []map[string]any }
					}
				}
				if err := json.Unmarshal([]byte(b.read(strings.TrimPrefix(strings.TrimSpace(got.stdout), b.root))), &config); err != nil {
					t.Fatal(err)
				}
				limit, records := strconv.FormatInt(test.limit, 10), test.records
				rule := map[string]any{"keepStorage": limit}
				if test.diskGiB > 0 {
					rule["reservedSpace"], rule["maxUsedSpace"] = strconv.FormatInt(test.limit/4+1, 10), limit
					rule["minFreeSpace"] = strconv.FormatInt(part(test.diskGiB, test.percentFree), 10)
					records = append(slices.Clone(records), fmt.Sprintf("C|%s|%d", limit, test.configured))
				}
				all := maps.Clone(rule)
				all["all"] = true
				old := map[string]any{"all": true, "filter": []any{"unused-for=168h"}, "keepStorage": "0"}
				if diff := cmp.Diff([]map[string]any{rule, all, old}, config.Builder.GC.Policy); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(records, strings.Fields(b.read("run/dindctl/limits"))); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if says := strings.Contains(got.stderr, "the build cache may use "+limit+" bytes"); says != (test.limit < test.configured) {
					t.Errorf("stderr: %s", got.stderr)
				}
				want := SmallDisk{}
				if test.limit < test.configured {
					want = SmallDisk{FileSystemBytes: test.diskGiB * gib, CacheBytes: test.limit, ConfiguredCacheBytes: test.configured}
				}
				if found := FindSmallDisk("2026-11-21T12:00:00Z " + got.stderr); found != want || found.Matters() != (test.limit < test.configured*9/10) {
					t.Errorf("found %+v in the log, want %+v", found, want)
				}
			})
		}
	}
}

// The daemon's networks meet none of the addresses that the pod sees.
func TestPoolsScript(t *testing.T) {
	const (
		header  = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
		tail    = "\t0\t0\t0\n"
		gateway = "eth0\t00000000\t0100F40A\t0003\t0\t0\t0\t00000000" + tail // by 10.244.0.1
		docker0 = "docker0\t000011AC\t00000000\t0001\t0\t0\t0\t00FFFFFF" + tail
		bridge  = "br-0123456789ab\t000111AC\t00000000\t0001\t0\t0\t0\t00FFFFFF" + tail
		private = "eth0\t000010AC\t00000000\t0001\t0\t0\t0\t0000F0FF" + tail // 172.16.0.0/12
		ten     = "eth0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF" + tail // 10.0.0.0/8
		far     = "eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t0000FFFF" + tail // 192.168.0.0/16
	)
	for _, test := range []struct {
		name, pools                               string
		service, node, hosts, resolv, route, json string
		want                                      string // the flags' values
		networks                                  string
		says                                      string
	}{
		{name: "kubeadm", pools: "auto", service: "10.96.0.1", node: "192.168.1.7", hosts: "127.0.0.1\tlocalhost\n::1 localhost\n10.244.0.9\tpod\n",
			resolv: "nameserver 10.96.0.10\noptions ndots:5\n", route: header + gateway, want: "base=172.17.0.0/16,size=24", networks: "A|255"},
		{name: "networks of an earlier daemon", pools: "auto", service: "10.96.0.1", route: header + gateway + docker0 + bridge, want: "base=172.17.0.0/16,size=24", networks: "A|255"},
		{name: "the Service is in 172.16.0.0/12", pools: "auto", service: "172.20.0.1", want: "base=192.168.0.0/16,size=24", networks: "A|255"},
		{name: "and the pod in 192.168.0.0/16", pools: "auto", service: "172.20.0.1", hosts: "192.168.3.4 pod\n", want: "base=10.208.0.0/16,size=24", networks: "A|255"},
		{name: "the node and DNS", pools: "auto", service: "10.222.0.1", node: "172.31.4.5", resolv: "search a\nnameserver 192.168.255.1\n", want: "base=10.176.0.0/16,size=24", networks: "A|255"},
		{name: "a registry by its address", pools: "auto", json: `{"registry-mirrors": ["http://172.18.0.5:5000"]}`, want: "base=192.168.0.0/16,size=24", networks: "A|255"},
		{name: "a route", pools: "auto", route: header + private, want: "base=192.168.0.0/16,size=24", networks: "A|255"},
		{name: "routes to all private ranges", pools: "auto", route: header + private + ten + far, says: "see --address-pool"},
		{name: "nothing is known", pools: "auto", want: "base=172.17.0.0/16,size=24", networks: "A|255"},
		{name: "the user's flags", pools: "none", service: "10.96.0.1"},
		{name: "the user's pools", pools: "10.5.0.0/20,26 10.6.0.0/24,24", service: "10.96.0.1",
			want: "base=10.5.0.0/20,size=26 base=10.6.0.0/24,size=24", networks: "A|64"},
		{name: "the user's pool near an address", pools: "10.97.0.0/16,24", service: "10.96.0.1", want: "base=10.97.0.0/16,size=24", networks: "A|255"},
		{name: "the user's pool with an address in it", pools: "10.96.0.0/16,24", service: "10.96.0.1", want: "base=10.96.0.0/16,size=24", networks: "A|255",
			says: "dindctl: --address-pool 10.96.0.0/16,24 hides 10.96.0.1 from builds and containers"},
	} {
		for name, shell := range shells(t) {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := newBox(t)
				b.write("run/dindctl/limits", "")
				for file, text := range map[string]string{"proc/net/route": test.route, "etc/hosts": test.hosts, "etc/resolv.conf": test.resolv, "etc/dindctl/daemon.json": test.json} {
					b.write(file, text)
				}
				// As start.sh does.
				script := "pools='" + test.pools + "'\n" + commented()["pools.sh"] + `
for pool in $address_pools; do
    set -- "base=${pool%,*},size=${pool#*,}" "$@"
done
echo "$@"`
				got := b.runText(shell, script, []string{"KUBERNETES_SERVICE_HOST=" + test.service, nodeAddressEnv + "=" + test.node})
				if got.code != 0 || strings.TrimSpace(got.stdout) != test.want {
					t.Errorf("exit code %d, got %q, want %q: %s", got.code, got.stdout, test.want, got.stderr)
				}
				if records := strings.TrimSpace(b.read("run/dindctl/limits")); records != test.networks {
					t.Errorf("got %q, want %q", records, test.networks)
				}
				if test.says == "" && got.stderr != "" || !strings.Contains(got.stderr, test.says) {
					t.Errorf("stderr: %s", got.stderr)
				}
			})
		}
	}
}
