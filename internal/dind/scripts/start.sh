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

if [ "$mtu" = auto ]; then
    # The interface of the first default route, all zeros; IPv4 first, as docker0
    # always speaks it. With IPv6 an "unreachable" one through lo is always there.
    # The two files differ in their number of columns; see proc_net(5).
    interface=$(cat /proc/net/route /proc/net/ipv6_route 2>/dev/null | awk '
        NF == 11 && $2 $8 ~ /^0+$/ { print $1; exit }
        NF == 10 && $1 $2 ~ /^0+$/ && $10 != "lo" { print $10; exit }')
    mtu=$(cat "/sys/class/net/$interface/mtu" 2>/dev/null)
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
idle=$(command -v nice) && idle='nice -n 19'
while [ -d "/proc/$init" ]; do
    $idle sh /etc/dindctl/guard.sh "$high_water" "$init"
    echo "dindctl: the guard of the disk ended ($?); it starts again in a minute" >&2
    sleep 60
done &

# exec, so that the kubelet's signals reach the daemon and not this shell.
exec dockerd-entrypoint.sh "$@"
