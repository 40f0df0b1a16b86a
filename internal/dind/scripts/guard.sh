# shellcheck shell=sh
# Image garbage collection: checks the disk usage of the data root every minute. Above a
# threshold it removes in steps what was not used lately, least recently used first, until
# usage is five percent below the threshold, and says what it cannot remove. It also notes
# what jobs use. Runs in the daemon's container until the daemon exits.
# Arguments: the threshold in percent ("none": never remove), the daemon's process ID.
# Environment:
#   DINDCTL_IMAGE_SPARE         seconds for which an image stays after its last use, so that
#                               a pipeline can push what it has built
#   DINDCTL_GUARD_INTERVAL      seconds between two checks
#   DINDCTL_MAX_CONTAINER_AGE   running containers that are older are removed, once a day
#
# The builder's garbage collection does not remove images, nor layers that they share
# with the build cache. Without its image such a layer counts as cache, so cache that is
# as old as the image is removed too. Where the daemon then forgets more cache than that, the
# builder collects it first, and images stay if that gets below the threshold, unless the disk
# is about to be full.
#
# It keeps its state on the volume, so that it survives restarts. A disk that is full or
# read-only, and a file that is cut short, may lose some of it, but not end this script.
#   dindctl/uses      E|time|name: the last use of an image (ID, tag, digest), of
#                     volume/NAME and of builder/NAME
#   dindctl/image-gc  R|time|images|bytes: the last garbage collection
#   dindctl/prune     P|time|bytes: the end of the last prune, and what the file system gained
#   dindctl/stuck     S|time|percent|volumes|others: since when it cannot free enough, and
#                     the bytes of volumes and of files outside of the data root

set -u
# shellcheck source=internal/dind/scripts/images.sh
. /etc/dindctl/images.sh
# shellcheck source=internal/dind/scripts/leftovers.sh
. /etc/dindctl/leftovers.sh
# shellcheck source=internal/dind/scripts/uses.sh
. /etc/dindctl/uses.sh
# shellcheck source=internal/dind/scripts/reload.sh
. /etc/dindctl/reload.sh
# shellcheck source=internal/dind/scripts/metrics.sh
. /etc/dindctl/metrics.sh
high=$1
daemon=$2
root=/var/lib/docker
state=$root/dindctl
work=/tmp/dindctl-guard
spare=${DINDCTL_IMAGE_SPARE:-3600}
interval=${DINDCTL_GUARD_INTERVAL:-60}
max_age=${DINDCTL_MAX_CONTAINER_AGE:-}
case $spare in '' | *[!0-9]*) spare=3600 ;; esac

# Use the socket, which needs no certificates.
case ${DOCKER_HOST:-} in
unix://*) ;;
*) export DOCKER_HOST=unix:///var/run/docker.sock ;;
esac
unset DOCKER_TLS DOCKER_TLS_VERIFY DOCKER_CONTEXT

say() { echo "dindctl: $*"; }

# measure sets used and capacity, in bytes, and percent, the higher usage of blocks and
# inodes.
measure() {
    # shellcheck disable=SC2046
    set -- $(stat -f -c '%S %b %f %c %d' "$root" 2>/dev/null)
    [ $# -eq 5 ] && [ "$2" -gt 0 ] || return 1
    capacity=$(($1 * $2))
    used=$(($1 * ($2 - $3)))
    percent=$((($2 - $3) * 100 / $2))
    inodes=$4
    free_inodes=$5
    if [ "$inodes" -gt 0 ] && [ $(((inodes - free_inodes) * 100 / inodes)) -gt "$percent" ]; then
        percent=$(((inodes - free_inodes) * 100 / inodes))
    fi
}

# each_day does what is due once a day.
each_day() {
    [ $((now / 86400)) != "$today" ] || return 0
    today=$((now / 86400))
    touch "$state/uses"
    tidy_uses
    [ -z "$max_age" ] || remove_running "$state/uses" "$(in_seconds "$max_age")" | while IFS= read -r line; do say "$line"; done
    # The daemon has addresses for few networks, and a cancelled job leaves its own.
    docker network prune -f --filter until=24h >/dev/null
}

# try runs a step, logs what it removed, and reports whether that is enough.
try() {
    was=$percent
    "$@" >"$work/said" 2>/dev/null
    [ -s "$work/said" ] || return 1
    # The daemon frees space in the background, and builds have priority.
    sleep 1
    measure || return 0
    removed=$(grep -c '^removed image' "$work/said")
    images=$((images + removed))
    while IFS= read -r line; do say "the disk was $was% full: $line; it is $percent% full now"; done <"$work/said"
    [ "$percent" -le "$goal" ]
}

# weigh_rest finds out how much of the disk this script cannot free: volumes, and files that
# are not the daemon's. If they alone are above the goal, images and cache would go in vain:
# what was used within the day stays.
weigh_rest() {
    volumes=$(timeout 300 du -skx "$root/volumes" 2>/dev/null | cut -f 1)
    own=$(timeout 300 du -skx "$root" 2>/dev/null | cut -f 1)
    case $volumes:$own in *[!0-9:]* | :* | *:) volumes=0 && own=$((used / 1024)) ;; esac
    volumes=$((volumes * 1024))
    own=$((own * 1024 < used ? own * 1024 : used))
    others=$((used - own))
    floor=$spare
    [ $((volumes + others)) -lt $((capacity * goal / 100)) ] || floor=$((spare * 24))
    return 1
}

remove_untagged() { awk -F '|' '$3 $4 == ""' "$work/unused" | remove_images "$work"; }

# remove_oldest removes images in batches, of the size that will do by what the last one
# gained: each removal costs the daemon a collection of its store. A batch is at most twice as
# large as the last one, whose gain may not show yet. It begins with more where each batch waits
# for the builder.
remove_oldest() {
    unused_images "$floor" <"$work/list" | awk -F '|' '$3 $4 != ""' >"$work/tagged"
    from=1
    size=1
    [ -z "$gentle" ] || size=4
    while sed -n "$from,$((from + size - 1))p" "$work/tagged" >"$work/part" && [ -s "$work/part" ]; do
        from=$((from + size))
        full=$used
        if try remove_part; then return 0; fi
        [ "$removed" -gt 0 ] || continue
        gained=$((full - used))
        missing=$((used - capacity * goal / 100))
        # BusyBox evaluates both sides of ?:, and a division by zero ends the script.
        most=$((removed > 10 ? 20 : removed * 2))
        size=$most
        if [ "$gained" -gt 0 ] && [ "$missing" -gt 0 ]; then
            size=$((missing * removed / gained))
        fi
        size=$((size < 1 ? 1 : size > most ? most : size))
    done
    return 1
}

# remove_part removes the images of a batch, and cache that is as old.
remove_part() {
    remove_images "$work" <"$work/part" >"$work/gone"
    cat "$work/gone"
    [ -s "$work/gone" ] || return 0
    if [ -n "$gentle" ]; then
        collect >/dev/null
        return
    fi
    # Without -a, which would also remove layers that images share.
    docker builder prune -f --filter "until=$(tail -n 1 "$work/part" | cut -d '|' -f 1)s" >/dev/null 2>&1 </dev/null
}

# collect lets the builder collect its own garbage, which it does a minute after a build, and
# waits for that, unless the disk is about to be full. It prints nothing if that freed nothing.
collect() {
    { echo FROM scratch && echo "LABEL time=$now"; } | docker build --quiet --output type=cacheonly - >/dev/null 2>&1 || return
    waited=0
    while [ "$waited" -lt 35 ] && measure && [ "$percent" -gt "$goal" ] && [ "$percent" -lt "$danger" ]; do
        sleep 2
        waited=$((waited + 1))
    done
    [ "$percent" -lt "$danger" ] || gentle=
    [ "$percent" -ge "$was" ] || echo "the builder collected its cache"
}

# prune_cache prints nothing if there was nothing to remove.
prune_cache() {
    docker builder prune -f "$@" </dev/null | tail -n 1 | grep -q '[1-9]' && echo "removed build cache ($*)"
}

# remove_cache removes build cache that was not used lately and then, if the rest of the disk
# allows it, also what was, down to a tenth of the disk.
remove_cache() {
    flag=$(keep_flag)
    shrink_cache 0 --filter "until=${floor}s" || { [ "$floor" -eq "$spare" ] && shrink_cache $((capacity / 10)); }
}

# shrink_cache removes build cache, least recently used first, a tenth of the disk at a time,
# until $1 bytes are left. The other arguments say which cache.
shrink_cache() {
    least=$1
    shift
    size=$((own - volumes))
    while [ "$size" -gt "$least" ]; do
        size=$((size - capacity / 10))
        [ "$size" -gt "$least" ] || size=$least
        if try prune_cache "$@" "$flag" "$size"; then return 0; fi
    done
    return 1
}

# relieve frees space if the disk usage is above the threshold. While that has no effect, and
# the disk gets no fuller, it waits for longer each time: up to half an hour.
relieve() {
    if [ "$percent" -lt "$high" ]; then
        rm -f "$state/stuck"
        pause=0
        return
    fi
    turn=$((turn + 1))
    [ "$percent" -gt "$tried" ] || [ "$turn" -ge "$pause" ] || return 0
    before=$used
    goal=$((high - 5))
    images=0
    removed=0
    present_images "$work"
    sleep 1
    note_uses turn 2>/dev/null
    list_images "$work" "$state/uses" >"$work/list" || say "the images cannot be listed: is the daemon responding?" >&2
    unused_images "$spare" <"$work/list" >"$work/unused"
    danger=$(((high + 200) / 3))
    gentle=
    [ "$percent" -ge "$danger" ] || ! forgets_cache || gentle=yes
    try remove_untagged || try remove_stopped "$state/uses" "$spare" || try remove_volumes "$state/uses" "$spare" ||
        try remove_builders "$state/uses" $((spare * 24)) || weigh_rest ||
        { [ -n "$gentle" ] && { try collect || [ "$percent" -lt "$high" ]; }; } ||
        remove_oldest || { [ -z "$gentle" ] && remove_cache; }
    freed=$((before > used ? before - used : 0))
    if [ "$freed" -gt 0 ] || [ "$images" -gt 0 ]; then
        echo "R|$now|$images|$freed" >"$state/image-gc"
        collections=$((collections + 1))
        collected=$((collected + images))
        reclaimed=$((reclaimed + freed))
        write_metrics
        say "image garbage collection removed $images images and freed $freed bytes"
    fi
    tried=$percent
    turn=0
    if [ "$percent" -lt "$high" ] || [ "$freed" -gt $((capacity / 100)) ]; then
        pause=0
        return
    fi
    if [ "$pause" -eq 0 ]; then
        stuck=$now
        say "the disk is $percent% full, and no more can be removed: $(reason)" >&2
    fi
    echo "S|$stuck|$percent|$volumes|$others" >"$state/stuck"
    pause=$((pause == 0 ? 1 : pause < 15 ? pause * 2 : 30))
}

# reason says what fills a disk that cannot be relieved.
reason() {
    if [ $((volumes * 4)) -ge "$used" ]; then
        echo "volumes hold $((volumes / 1048576)) MiB, and only jobs remove those with a name (docker volume ls)"
    elif [ $((others * 4)) -ge "$used" ]; then
        echo "files that are not the daemon's hold $((others / 1048576)) MiB"
    elif [ -n "$gentle" ]; then
        echo "all images are in use or were used in the last $floor s, and the builder keeps the rest of its cache until the disk is $danger% full"
    else
        echo "all images and build cache are in use or were used in the last $floor s"
    fi
}

today=
pause=0
turn=0
tried=0
volumes=0
others=0
floor=$spare
collections=0
collected=0
reclaimed=0
mkdir -p "$state" "$work"
now=$(date +%s)
follow_events "$now" &
trap 'kill $! 2>/dev/null' EXIT
while [ -d "/proc/$daemon" ]; do
    sleep "$interval" || sleep 60
    # The image's entrypoint may mount a tmpfs on /tmp after this script started.
    mkdir -p "$state" "$work"
    now=$(date +%s)
    reload
    note_uses turn 2>/dev/null
    each_day 2>/dev/null
    if measure; then
        write_metrics
        [ "$high" = none ] || relieve
    fi
done
