# shellcheck shell=sh
# Image garbage collection: checks the disk usage of the data root every minute. Above a
# threshold it removes the least recently used images until usage is five percent below
# the threshold. Runs in the daemon's container until the daemon exits.
# Arguments: the threshold in percent ("none": never remove), the daemon's process ID.
# Environment:
#   DINDCTL_IMAGE_SPARE     seconds for which an image stays after its last use, so that
#                           a pipeline can push what it has built
#   DINDCTL_GUARD_INTERVAL  seconds between two checks
#
# The builder's garbage collection does not remove images, nor layers that they share
# with the build cache. Without its image such a layer counts as cache, so cache that is
# as old as the image is removed too.
#
# It keeps its state on the volume, so that it survives restarts:
#   dindctl/uses      E|time|image: starts of containers, and pulls of images
#   dindctl/image-gc  R|time|images|bytes: the last garbage collection
#   dindctl/prune     P|time|bytes: the end of the last prune, and what the file system gained

set -u
# shellcheck source=internal/dind/scripts/images.sh
. /etc/dindctl/images.sh
high=$1
daemon=$2
root=/var/lib/docker
state=$root/dindctl
work=/tmp/dindctl-guard
spare=${DINDCTL_IMAGE_SPARE:-3600}
interval=${DINDCTL_GUARD_INTERVAL:-60}

# Use the socket, which needs no certificates.
case ${DOCKER_HOST:-} in
unix://*) ;;
*) export DOCKER_HOST=unix:///var/run/docker.sock ;;
esac
unset DOCKER_TLS DOCKER_TLS_VERIFY DOCKER_CONTEXT

say() { echo "dindctl: $*"; }

# measure sets used, in bytes, and percent, the higher usage of blocks and inodes.
measure() {
    # shellcheck disable=SC2046
    set -- $(stat -f -c '%S %b %f %c %d' "$root" 2>/dev/null)
    [ $# -eq 5 ] && [ "$2" -gt 0 ] || return 1
    used=$(($1 * ($2 - $3)))
    percent=$((($2 - $3) * 100 / $2))
    if [ "$4" -gt 0 ] && [ $((($4 - $5) * 100 / $4)) -gt "$percent" ]; then
        percent=$((($4 - $5) * 100 / $4))
    fi
}

# record_uses records which images were used between two times: the daemon does not
# report it later. A name without a tag means latest.
record_uses() {
    docker events --since "$1" --until "$2" --filter type=container --filter type=image --filter type=volume \
        --format '{{.Action}}|{{.Time}}|{{.Actor.ID}}|{{.Actor.Attributes.image}}' >"$work/events" 2>/dev/null || return 1
    awk -F '|' '
        { ref = "" }
        $1 ~ /^(create|start)$/ && $4 != "<no value>" { ref = $4 }
        $1 ~ /^(pull|load|import)$/ { ref = $3 }
        ref != "" {
            sub(/^docker[.]io\//, "", ref)
            sub(/^library\//, "", ref)
            if (ref !~ /^sha256:/ && ref !~ /:[^\/]*$/) ref = ref ":latest"
            print "E|" $2 "|" ref
        }' "$work/events" >>"$state/uses"
}

# record_prune records what the file system gained during a prune. prune.sh, which runs in
# another pod, creates a volume when it begins and removes it when it ends. $1 is the usage
# before the events.
record_prune() {
    marks=$(awk -F '|' '$3 == "dindctl-prune" { print $1 }' "$work/events")
    case $marks in *create*) prune_began=$1 ;; esac
    case $marks in *destroy*)
        [ -z "$prune_began" ] || echo "P|$now|$((prune_began > used ? prune_began - used : 0))" >"$state/prune"
        prune_began=
        ;;
    esac
}

# tidy keeps the last use of each image, for two months. It writes a new file first,
# because the disk may be full.
tidy() {
    awk -F '|' -v from="$(($1 - 5184000))" '$2 > from && $2 > last[$3] { last[$3] = $2 }
        END { for (ref in last) print "E|" last[ref] "|" ref }' "$state/uses" >"$state/new" && mv "$state/new" "$state/uses"
    tidied=$(($1 / 86400))
}

# collect_images removes images if the disk usage is above the threshold.
collect_images() {
    [ "$percent" -ge "$high" ] || { reported=; return 0; }
    before=$used
    count=0
    list_images "$work" "$state/uses" >"$work/list" || return 0
    while IFS='|' read -r age id tags; do
        [ "$age" -ge "$spare" ] || break
        remove_image "$work" "$id" "$tags" >"$work/said" || continue
        count=$((count + 1))
        # Without -a, which would also remove layers that images share.
        docker builder prune -f --filter "until=${age}s" >/dev/null 2>&1 </dev/null
        # The daemon frees space in the background, and builds have priority.
        sleep 1
        measure || break
        say "the disk was $high% full: $(cat "$work/said"), unused for $age s; it is $percent% full now"
        [ "$percent" -gt $((high - 5)) ] || break
    done <"$work/list"
    if [ "$count" -gt 0 ]; then
        reported=
        freed=$((before > used ? before - used : 0))
        echo "R|$(date +%s)|$count|$freed" >"$state/image-gc"
        say "image garbage collection removed $count images and freed $freed bytes"
    elif [ -z "$reported" ]; then
        reported=1
        say "the disk is $percent% full, but no image can be removed: all are in use by containers or were used in the last $spare s" >&2
    fi
}

reported=
tidied=
used=
prune_began=
mkdir -p "$state" && touch "$state/uses" || exit 1
measure # a prune may begin before the first turn
since=$(date +%s)
while [ -d "/proc/$daemon" ]; do
    sleep "$interval"
    # The image's entrypoint may mount a tmpfs on /tmp after this script started.
    mkdir -p "$work"
    now=$(date +%s)
    previous=$used
    measure || continue
    record_uses "$since" "$now" && since=$now && record_prune "$previous" 2>/dev/null
    # Once a day.
    [ $((now / 86400)) = "$tidied" ] || tidy "$now" 2>/dev/null
    [ "$high" = none ] || collect_images
done
