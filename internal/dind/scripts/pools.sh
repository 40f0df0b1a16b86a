# shellcheck shell=sh
# shellcheck disable=SC2154 # start.sh sets pools
# Chooses the addresses of the daemon's networks. start.sh sources it, and sets pools:
# auto, none for the daemon's default, or the user's pools, each CIDR,SIZE. Sets
# address_pools to the pools in reverse order.
#
# A network of the daemon hides what has the same addresses around the pod: other pods,
# nodes, Services, DNS, registries. The pod does not see their ranges, only some of their
# addresses, so a pool is not in the same /12 as any of these.
#
# /run/dindctl/limits is for `status`:
#   A|networks: how many networks the pools hold, besides the daemon's own

# The daemon has used the first two since its first versions.
candidates='172.17.0.0/16,24 192.168.0.0/16,24 10.208.0.0/16,24 10.176.0.0/16,24 10.144.0.0/16,24 10.112.0.0/16,24 10.80.0.0/16,24 10.48.0.0/16,24'

# known prints the addresses around the pod, within any text, and "route" with the fields
# of each IPv4 route. The networks of an earlier daemon in this pod do not count.
known() {
    echo "${KUBERNETES_SERVICE_HOST:-} ${DINDCTL_NODE_ADDRESS:-}"
    cat /etc/hosts /etc/resolv.conf /etc/dindctl/daemon.json 2>/dev/null
    sed -e '/^docker/d' -e '/^br-/d' -e 's/^/route /' /proc/net/route 2>/dev/null
}

# choose BITS POOL... prints for each pool, the last one first: the pool, its number of
# networks, and what it meets, if anything: an address with the same first BITS bits, or a
# route.
choose() {
    known | awk -v near="$1" -v pools="${*}" '
        function number(address, part) { split(address, part, "."); return ((part[1] * 256 + part[2]) * 256 + part[3]) * 256 + part[4] }
        # BusyBox may lack the operator.
        function power(bits, value) { for (value = 1; bits > 0; bits--) value *= 2; return value }
        function digit(text, n) { return index("0123456789ABCDEF", substr(text, n, 1)) - 1 }
        # The bytes of proc_net(5) are in reverse order.
        function octet(text, n) { return digit(text, 9 - 2 * n) * 16 + digit(text, 10 - 2 * n) }
        function dotted(text) { return octet(text, 1) "." octet(text, 2) "." octet(text, 3) "." octet(text, 4) }
        function length_of(mask, value, bits) {
            value = number(mask)
            for (bits = 0; value >= 2147483648; bits++) value = (value - 2147483648) * 2
            return bits
        }
        function note(address, bits) { addresses[++count] = address; lengths[count] = bits < near ? bits : near }
        $1 == "route" {
            if ($9 !~ /^0+$/ && length($9) == 8) note(dotted($3), length_of(dotted($9)))
            if ($4 !~ /^0+$/ && length($4) == 8) note(dotted($4), 32)
            next
        }
        {
            while (match($0, /[0-9]+[.][0-9]+[.][0-9]+[.][0-9]+/)) {
                note(substr($0, RSTART, RLENGTH), 32)
                $0 = substr($0, RSTART + RLENGTH)
            }
        }
        END {
            for (n = split(pools, pool, " "); n > 1; n--) {
                split(pool[n], field, "[/,]")
                met = ""
                for (m = 1; m <= count; m++) {
                    block = power(32 - (lengths[m] < field[2] ? lengths[m] : field[2]))
                    if (int(number(field[1]) / block) == int(number(addresses[m]) / block)) met = addresses[m]
                }
                print pool[n], power(field[3] - field[2]), met
            }
        }'
}

chosen=
case $pools in
none) ;;
auto)
    # shellcheck disable=SC2086 # one word each
    chosen=$(choose 12 $candidates | awk 'NF == 2 { first = $0 } END { print first }')
    if [ -z "$chosen" ]; then
        echo "dindctl: each range for the networks of jobs is near an address around the pod; using the daemon's default: see --address-pool" >&2
    fi
    ;;
*)
    # shellcheck disable=SC2086 # one word each
    chosen=$(choose 32 $pools)
    echo "$chosen" | awk 'NF == 3 { print "dindctl: --address-pool " $1 " hides " $3 " from builds and containers" }' >&2
    ;;
esac
# shellcheck disable=SC2034 # start.sh reads it
address_pools=$(echo "$chosen" | awk '{ print $1 }')
if [ -n "$chosen" ]; then
    echo "$chosen" | awk '{ networks += $2 } END { print "A|" networks - 1 }' >>/run/dindctl/limits
fi
