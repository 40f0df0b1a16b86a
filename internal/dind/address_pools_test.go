package dind

import (
	"slices"
	"testing"
)

func TestAddressPools(t *testing.T) {
	for _, test := range []struct {
		name  string
		pools []string
		args  []string
		want  string // for pools.sh
		wrong []complaint
	}{
		{"none", nil, nil, "auto", nil},
		{"the user's flag", nil, []string{"--default-address-pool=base=10.0.0.0/16,size=24"}, "none", nil},
		{"a range", []string{"10.210.0.0/16"}, nil, "10.210.0.0/16,24", nil},
		{"with a size", []string{"10.210.0.0/16,26", "172.16.0.0/12,20"}, nil, "10.210.0.0/16,26 172.16.0.0/12,20", nil},
		{"a range for one network", []string{"10.210.1.0/28"}, nil, "10.210.1.0/28,28", nil},
		{"no CIDR", []string{"10.210.0.0", "many", ""}, nil, "", []complaint{{"--address-pool", "not an IPv4 CIDR"}, {"--address-pool", "not an IPv4 CIDR"}, {"--address-pool", "not an IPv4 CIDR"}}},
		{"IPv6", []string{"fd00::/48,64"}, nil, "", []complaint{{"--address-pool", "not an IPv4 CIDR"}}},
		{"bits of an address", []string{"10.210.3.1/16"}, nil, "", []complaint{{"--address-pool", "the range is 10.210.0.0/16"}}},
		{"loopback and everything", []string{"127.0.0.0/16", "0.0.0.0/0"}, nil, "", []complaint{{"--address-pool", "not a range for networks"}, {"--address-pool", "not a range for networks"}}},
		{"no number", []string{"10.210.0.0/16,x", "10.210.0.0/16,"}, nil, "", []complaint{{"--address-pool", "not a prefix length"}, {"--address-pool", "not a prefix length"}}},
		{"larger than the range", []string{"10.210.0.0/16,15"}, nil, "", []complaint{{"--address-pool", "from its prefix length to 29"}}},
		{"too small", []string{"10.210.0.0/16,30", "10.211.0.0/30"}, nil, "", []complaint{{"--address-pool", "to 29"}, {"--address-pool", "to 29"}}},
		{"overlap", []string{"10.208.0.0/12", "10.210.0.0/16"}, nil, "", []complaint{{"--address-pool", "overlaps 10.208.0.0/12"}}},
		{"with the user's flag", []string{"10.210.0.0/16"}, []string{"--default-address-pool=base=10.0.0.0/16,size=24"}, "", []complaint{{"--dockerd-arg", "conflicts with --address-pool"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := with(func(o *Options) { o.AddressPools, o.DockerdArgs = test.pools, test.args })
			checkComplaints(t, o.Validate(), test.wrong)
			if test.wrong == nil && o.pools() != test.want {
				t.Errorf("got %q, want %q", o.pools(), test.want)
			}
		})
	}
}

// The daemon's pod gets the pools, and the threshold for the node's own disk.
func TestStartArgs(t *testing.T) {
	for _, test := range []struct {
		name    string
		options func(*Options)
		want    []string
	}{
		{"defaults", func(*Options) {}, []string{"auto", "auto", "85", "80", "75"}},
		{"a threshold", func(o *Options) { o.HighWater = "90%" }, []string{"auto", "auto", "90", "90", "75"}},
		{"no threshold", func(o *Options) { o.HighWater = NoHighWater }, []string{"auto", "auto", "none", "none", "75"}},
		{"a size", func(o *Options) { o.CacheLimit = "20Gi" }, []string{"auto", "auto", "85", "80", "95"}},
		{"pools", func(o *Options) { o.AddressPools = []string{"10.1.0.0/16", "10.2.0.0/16,20"} }, []string{"auto", "10.1.0.0/16,24 10.2.0.0/16,20", "85", "80", "75"}},
	} {
		if got := (plan{Options: with(test.options)}).startArgs(); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}
