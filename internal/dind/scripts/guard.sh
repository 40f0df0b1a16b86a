# Keeps images from filling the file system of the data root: each minute it
# looks how full that is, and above a high-water mark it removes images, the
# least recently used first, until five percent less are in use. Runs beside the
# daemon for as long as that does, in its container.
# Arguments: the mark in percent ("none": never remove), the daemon's process.
# Environment: DINDCTL_IMAGE_SPARE, for how many seconds after its last use an
# image stays in any case, so that what a pipeline has built but not pushed yet is
# safe; DINDCTL_GUARD_INTERVAL, how many seconds lie between two looks.
#
# What the builder's garbage collector does not touch is bounded by this, and
# with it the layers that images share with the build cache: once the image is
# gone they count as cache, and cache that was used no more recently goes along.
#
# On the volume, so that a restart forgets nothing, it keeps
#   dindctl/uses      E|time|image: when containers began and images came
#   dindctl/image-gc  R|time|images|bytes: what it removed the last time

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

# The daemon's own socket, whatever its port speaks.
case ${DOCKER_HOST:-} in
unix://*) ;;
*) export DOCKER_HOST=unix:///var/run/docker.sock ;;
esac
unset DOCKER_TLS DOCKER_TLS_VERIFY DOCKER_CONTEXT

say() { echo "dindctl: $*"; }

# measure sets used, in bytes, and percent, of the blocks or of the inodes,
# whichever is more.
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

# note_uses writes down which images were used from one time to another: no
# question to the daemon tells it afterwards. A name without a tag means latest.
note_uses() {
    docker events --since "$1" --until "$2" --filter type=container --filter type=image \
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

# tidy keeps the last use of each image, of the last two months. It writes to the
# side first: the disk may be full.
tidy() {
    awk -F '|' -v from="$(($1 - 5184000))" '$2 > from && $2 > last[$3] { last[$3] = $2 }
        END { for (ref in last) print "E|" last[ref] "|" ref }' "$state/uses" >"$state/new" && mv "$state/new" "$state/uses"
    tidied=$(($1 / 86400))
}

# collect_images removes images if the disk is too full.
collect_images() {
    measure && [ "$percent" -ge "$high" ] || { told=; return 0; }
    before=$used
    count=0
    list_images "$work" "$state/uses" >"$work/list" || return 0
    while IFS='|' read -r age id tags; do
        [ "$age" -ge "$spare" ] || break
        remove_image "$work" "$id" "$tags" >"$work/said" || continue
        count=$((count + 1))
        # Without -a, so that what images share stays.
        docker builder prune -f --filter "until=${age}s" >/dev/null 2>&1 </dev/null
        # The daemon frees in the background, and builds come first.
        sleep 1
        measure || break
        say "the disk was $high% full: $(cat "$work/said"), unused for $age s; now it is $percent% full"
        [ "$percent" -gt $((high - 5)) ] || break
    done <"$work/list"
    if [ "$count" -gt 0 ]; then
        told=
        freed=$((before > used ? before - used : 0))
        echo "R|$(date +%s)|$count|$freed" >"$state/image-gc"
        say "removed $count images, the least recently used first, and freed $freed bytes"
    elif [ -z "$told" ]; then
        told=1
        say "the disk is $percent% full, and no image can be removed: containers have them, or they were used in the last $spare s" >&2
    fi
}

told=
tidied=
mkdir -p "$state" && touch "$state/uses" || exit 1
since=$(date +%s)
while [ -d "/proc/$daemon" ]; do
    sleep "$interval"
    # The official image's entrypoint mounts a tmpfs on /tmp after this began.
    mkdir -p "$work"
    now=$(date +%s)
    note_uses "$since" "$now" && since=$now
    # Once a day.
    [ $((now / 86400)) = "$tidied" ] || tidy "$now" 2>/dev/null
    [ "$high" = none ] || collect_images
done
