# shellcheck shell=sh
# Starts the Docker daemon with the MTU of the pod's network, networks that meet none of
# the addresses around the pod, limits that the disk can hold, and image garbage
# collection.
# Arguments: MTU ("auto" or bytes), the address pools of pools.sh in one argument, the
# threshold of guard.sh (percent or none), the same on the node's own disk, the share of
# the file system that build cache may use (percent), then the daemon's flags.
#
# By default the daemon's networks have an MTU of 1500. On an overlay network the pod's
# MTU is smaller, often 1450. Larger packets are dropped, so downloads in builds hang.
#
# POSIX sh only: Alpine images have BusyBox ash, Debian images have dash.

mtu=$1
high_water=$3
# shellcheck disable=SC2034 # pools.sh and limits.sh read them
pools=$2 node_high_water=$4 cache_share=$5
shift 5

# The first process of a container ignores signals that it does not handle.
trap 'exit 143' TERM INT

# Before dockerd runs, even if only for its help.
. /etc/dindctl/lock.sh

if [ "$mtu" = auto ]; then
    # The interface of the first default route (all zeros). IPv4 first, because docker0
    # always uses it. For IPv6 skip the "unreachable" route through lo, which always
    # exists. The files differ in their number of columns; see proc_net(5).
    interface=$(cat /proc/net/route /proc/net/ipv6_route 2>/dev/null | awk '
        NF == 11 && $2 $8 ~ /^0+$/ { print $1; exit }
        NF == 10 && $1 $2 ~ /^0+$/ && $10 != "lo" { print $10; exit }')
    mtu=$(cat "/sys/class/net/$interface/mtu" 2>/dev/null)
fi

case $mtu in
'' | *[!0-9]*)
    echo "dindctl: the MTU of the pod's network is unknown; using the daemon's default" >&2
    ;;
*)
    # --mtu applies to docker0 only. Networks that compose and builds create use
    # --default-network-opt, which engines before 24.0 do not support.
    if dockerd --help 2>/dev/null | grep -q -e --default-network-opt; then
        set -- "--default-network-opt=bridge=com.docker.network.driver.mtu=$mtu" "$@"
    fi
    set -- "--mtu=$mtu" "$@"
    ;;
esac

. /etc/dindctl/registries.sh

# shellcheck source=internal/dind/scripts/limits.sh
. /etc/dindctl/limits.sh
set -- "--config-file=$config_file" "$@"
# shellcheck source=internal/dind/scripts/pools.sh
. /etc/dindctl/pools.sh
for pool in $address_pools; do
    set -- "--default-address-pool=base=${pool%,*},size=${pool#*,}" "$@"
done

# Before the guard starts, which has to be in the daemon's group.
. /etc/dindctl/nest.sh
if [ -n "$cgroup_parent" ]; then
    # First, so that a user's own --cgroup-parent wins.
    set -- "--cgroup-parent=$cgroup_parent" "$@"
fi

. /etc/dindctl/ports.sh

# This process becomes the daemon's init process. The guard has the priority of builds: with
# a lower one it would not run while they take all CPUs and fill the disk.
read -r init _ </proc/self/stat
while [ -d "/proc/$init" ]; do
    sh /etc/dindctl/guard.sh "$high_water" "$init"
    echo "dindctl: image garbage collection exited with code $?; restarting it in a minute" >&2
    sleep 60
done 9>&- & # without the lock, which only the daemon holds

# drain.sh has let the kubelet stop the pod.
[ ! -e /run/dindctl/stop ] || exit 143

# exec, so that the daemon receives the kubelet's signals.
exec dockerd-entrypoint.sh "$@"
