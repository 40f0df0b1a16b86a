# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # start.sh has high_water, node_high_water, cache_share
# Sets the limits by the file system of the data root, which may be smaller than the
# claim: many provisioners do not enforce a size. start.sh sources it.
#
# high_water, the threshold of guard.sh, becomes node_high_water if the data root shares
# the disk of the node: the kubelet evicts pods from 85% of it on.
#
# config_file becomes the daemon's configuration: the one of the ConfigMap, with a build
# cache of at most cache_share percent of the file system. Engines since 28 also
# remove cache, down to a quarter of the limit, where less is free than above the
# threshold. Earlier engines ignore these keys.
#
# /run/dindctl/limits is for `status`:
#   C|bytes|configured bytes: the limit of the build cache
#   H|percent: the threshold
#   N|1: the data root shares the disk of the node

data_root=/var/lib/docker
configured_file=/etc/dindctl/daemon.json
limits=/run/dindctl/limits
config_file=$configured_file # if the size is unknown, or the node's disk is full

# disk_size prints the bytes of the file system of the data root.
disk_size() {
    # shellcheck disable=SC2046
    set -- $(stat -f -c '%S %b' "$data_root" 2>/dev/null)
    [ $# -eq 2 ] && echo $(($1 * $2))
}

# on_node_disk reports whether the data root is on the file system of /etc/hosts, which
# the kubelet keeps in its own directory. On Btrfs the devices of a file system differ.
on_node_disk() {
    own=$(stat -c %d "$data_root" 2>/dev/null) && [ "$own" = "$(stat -c %d /etc/hosts 2>/dev/null)" ] && return
    own=$(stat -f -c '%S %b %f' "$data_root" 2>/dev/null) && [ "$own" = "$(stat -f -c '%S %b %f' /etc/hosts 2>/dev/null)" ]
}

mkdir -p /run/dindctl
: >"$limits"
cp "$configured_file" /run/dindctl/configured # for reload.sh
if on_node_disk; then
    high_water=$node_high_water
    echo 'N|1' >>"$limits"
fi
kept_free=0
if [ "$high_water" != none ]; then
    echo "H|$high_water" >>"$limits"
    kept_free=$((100 - high_water))
    # The build cache alone must not cause the removal of images.
    [ "$cache_share" -lt "$high_water" ] || cache_share=$((high_water - 1))
fi
configured=$(sed -n '/"keepStorage"/ { s/[^0-9]//g; p; q; }' "$configured_file")
if [ -n "$configured" ] && size=$(disk_size); then
    limit=$((size / 100 * cache_share))
    if [ "$limit" -lt "$configured" ]; then
        echo "dindctl: the build cache may use $limit bytes and not $configured: the file system of the data root has $size" >&2
    else
        limit=$configured
    fi
    echo "C|$limit|$configured" >>"$limits"
    echo "s/\"keepStorage\": \"$configured\"/\"keepStorage\": \"$limit\", \"reservedSpace\": \"$((limit / 4 + 1))\", \"maxUsedSpace\": \"$limit\", \"minFreeSpace\": \"$((size / 100 * kept_free))\"/" >/run/dindctl/edit
    sed -f /run/dindctl/edit "$configured_file" >/run/dindctl/daemon.json && config_file=/run/dindctl/daemon.json
fi
