package dind

import (
	"net/netip"
	"strconv"
	"strings"
)

// poolFlag is the daemon's flag for address pools.
const poolFlag = "--default-address-pool"

// nodeAddressEnv is the variable with the address of the node, for pools.sh.
const nodeAddressEnv = "DINDCTL_NODE_ADDRESS"

const (
	// defaultNetworkBits is the prefix length of the networks of a pool without SIZE.
	defaultNetworkBits = 24
	// maxNetworkBits leaves room for a gateway and five containers.
	maxNetworkBits = 29
)

// addressPool is a range of addresses, and the prefix length of the networks that the
// daemon makes of it.
type addressPool struct {
	base netip.Prefix
	bits int
}

// parseAddressPool parses CIDR[,SIZE]. It returns the reason if the pool is not valid.
func parseAddressPool(s string) (pool addressPool, reason string) {
	cidr, size, sized := strings.Cut(s, ",")
	base, err := netip.ParsePrefix(cidr)
	switch {
	case err != nil || !base.Addr().Is4():
		return pool, "is not an IPv4 CIDR"
	case base.Masked() != base:
		return pool, "has bits beyond its prefix length: the range is " + base.Masked().String()
	case base.Addr().IsLoopback(), base.Addr().IsMulticast(), base.Addr().IsLinkLocalUnicast(), base.Bits() < 8:
		return pool, "is not a range for networks"
	}
	pool = addressPool{base, max(defaultNetworkBits, base.Bits())}
	if sized {
		if pool.bits, err = strconv.Atoi(size); err != nil {
			return pool, "has a size that is not a prefix length"
		}
	}
	if pool.bits < base.Bits() || pool.bits > maxNetworkBits {
		return pool, "needs a size from its prefix length to " + strconv.Itoa(maxNetworkBits)
	}
	return pool, ""
}

func (o Options) checkAddressPools(errs *OptionErrors) {
	const option = "--address-pool"
	var pools []addressPool
	for _, s := range o.AddressPools {
		pool, reason := parseAddressPool(s)
		if reason != "" {
			errs.add(option, s, reason, "Use CIDR[,SIZE] such as 10.210.0.0/16,24, which makes 256 networks of 254 addresses each.")
			continue
		}
		for _, other := range pools {
			if other.base.Overlaps(pool.base) {
				errs.add(option, s, "overlaps "+other.base.String(), omitOne)
			}
		}
		pools = append(pools, pool)
	}
}

// pools returns the address pools as pools.sh takes them.
func (o Options) pools() string {
	switch {
	case o.hasArg(poolFlag):
		return "none"
	case len(o.AddressPools) == 0:
		return "auto"
	}
	var words []string
	for _, s := range o.AddressPools {
		pool, _ := parseAddressPool(s)
		words = append(words, pool.base.String()+","+strconv.Itoa(pool.bits))
	}
	return strings.Join(words, " ")
}
