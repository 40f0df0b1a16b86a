//go:build e2e

package e2e

import (
	"net/netip"
	"strings"
	"testing"
)

// The daemon has addresses for the networks of many jobs, and none of them hides a pod, a
// node, a Service or the DNS from builds and containers.
func TestNetworks(t *testing.T) {
	t.Parallel()
	for _, image := range env.images {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			i := install(t, image)
			log := i.job(t, `
for n in $(seq 40); do docker network create job-$n >/dev/null; done
docker run -d --name web --network job-7 --network-alias web `+baseImage+` sh -c 'while true; do echo hello from web | nc -l -p 8080; done' >/dev/null
docker run --rm --network job-7 `+baseImage+` sh -c 'sleep 1; nc web 8080 </dev/null'
docker run --rm --network job-40 `+baseImage+` nc -w 5 "$KUBERNETES_SERVICE_HOST" "$KUBERNETES_SERVICE_PORT" </dev/null && echo the Service is reached
docker rm -fv web >/dev/null
echo "service $KUBERNETES_SERVICE_HOST"
sed -n 's/^nameserver/dns/p' /etc/resolv.conf
`+subnetsOf("$(docker network ls -q --filter driver=bridge)")).want(t, "hello from web", "the Service is reached").log
			pod := i.pod(t)
			around := []string{pod.Status.PodIP, pod.Status.HostIP}
			var networks []netip.Prefix
			for line := range strings.Lines(log) {
				switch kind, address, _ := strings.Cut(strings.TrimSpace(line), " "); kind {
				case "subnet":
					networks = append(networks, got[netip.Prefix](t)(netip.ParsePrefix(address)))
				case "service", "dns":
					around = append(around, address)
				}
			}
			if len(networks) != 41 || len(around) < 4 {
				t.Fatalf("%d networks, %q", len(networks), around)
			}
			for _, network := range networks {
				for _, address := range around {
					if network.Contains(got[netip.Addr](t)(netip.ParseAddr(address))) {
						t.Errorf("network %s hides %s", network, address)
					}
				}
			}
			if s := statusOf(t, i); len(s.Problems) > 0 {
				t.Errorf("with 40 networks: %+v", s.Problems)
			}
		})
	}
}

// subnetsOf returns a command that prints the addresses of networks.
func subnetsOf(networks string) string {
	return "docker network inspect " + networks + " --format '{{range .IPAM.Config}}subnet {{.Subnet}}{{println}}{{end}}' | grep ."
}

// The user's pools are used, status warns before they are full, and the networks of the
// time before keep their addresses.
func TestAddressPool(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest())
	before := i.job(t, "docker network create old >/dev/null\n"+subnetsOf("old")).want(t, "subnet ").log
	i.install(t, "--address-pool", "10.77.0.0/24,27", "--address-pool", "10.78.0.0/26,27")
	log := i.job(t, subnetsOf("old")+`
docker run --rm --network old `+baseImage+` true
for n in $(seq 8); do docker network create job-$n >/dev/null; done
docker run --rm --network job-8 `+baseImage+` true
`+subnetsOf("bridge $(docker network ls -q --filter name=job-)")).want(t).log
	if after, _, _ := strings.Cut(log, "\n"); after != strings.TrimSpace(before) {
		t.Errorf("the network had %s and has %s", before, after)
	}
	if n := strings.Count(log, "subnet 10.77.0.") + strings.Count(log, "subnet 10.78.0."); n != 9 {
		t.Errorf("%d networks are in the pools", n)
	}
	if s := statusOf(t, i); !s.Healthy || !s.says("has 9 networks, and the address pools hold 9", "docker network prune") {
		t.Errorf("problems: %+v", s.Problems)
	}
}
