# Starts the Docker daemon with the MTU of the pod's own network, and beside it
# the guard of its disk.
# Arguments: MTU ("auto" or bytes), the guard's high-water mark (percent or
# none), then the daemon's flags.
#
# The daemon gives its bridge, and every network a build creates, 1500 bytes
# unless told otherwise. Overlay networks leave a pod less (often 1450), and
# packets that do not fit vanish: downloads inside builds hang for ever.
#
# POSIX sh only: Alpine's images bring BusyBox ash, Debian's bring dash.

mtu=$1
high_water=$2
shift 2

# find_interface sets interface to the one of the first default route; IPv4
# first, as docker0 always speaks it. See proc_net(5) for the columns.
find_interface() {
    interface=
    if [ -r /proc/net/route ]; then
        while read -r name destination _ _ _ _ _ mask _; do
            if [ "$destination/$mask" = 00000000/00000000 ]; then
                interface=$name
                return
            fi
        done </proc/net/route
    fi
    if [ -r /proc/net/ipv6_route ]; then
        # An "unreachable" default route through lo is always there.
        while read -r destination length _ _ _ _ _ _ _ name; do
            if [ "$destination/$length" = 00000000000000000000000000000000/00 ] && [ "$name" != lo ]; then
                interface=$name
                return
            fi
        done </proc/net/ipv6_route
    fi
}

if [ "$mtu" = auto ]; then
    mtu=
    find_interface
    if [ -n "$interface" ] && [ -r "/sys/class/net/$interface/mtu" ]; then
        read -r mtu <"/sys/class/net/$interface/mtu"
    fi
fi

case $mtu in
'' | *[!0-9]*)
    echo "dindctl: the MTU of the pod's network is unknown; the daemon keeps its default" >&2
    ;;
*)
    # --mtu is for docker0 only; networks that compose and builds create take
    # theirs from this flag, which engines before 24.0 do not know.
    if dockerd --help 2>/dev/null | grep -q -e --default-network-opt; then
        set -- "--default-network-opt=bridge=com.docker.network.driver.mtu=$mtu" "$@"
    fi
    set -- "--mtu=$mtu" "$@"
    ;;
esac

# The process that becomes the daemon's init, and reaps what the guard leaves.
read -r init _ </proc/self/stat
idle=
if command -v nice >/dev/null 2>&1; then
    idle="nice -n 19"
fi
while [ -d "/proc/$init" ]; do
    $idle sh /etc/dindctl/guard.sh "$high_water" "$init"
    echo "dindctl: the guard of the disk ended ($?); it starts again in a minute" >&2
    sleep 60
done &

# exec, so that the kubelet's signals reach the daemon and not this shell.
exec dockerd-entrypoint.sh "$@"
