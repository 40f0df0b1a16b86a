# Removes from the Docker daemon at DOCKER_HOST what nobody has used for
# PRUNE_UNUSED_FOR (a Go duration; 0: everything that is unused now). With
# PRUNE_KEEP_STORAGE (bytes) that much of the build cache stays, the last used
# first, whatever its age. What was freed, or why nothing was, goes to the
# termination message.
#
# POSIX sh only: Alpine's images bring BusyBox ash, Debian's bring dash.

set -u
# shellcheck source=internal/dind/scripts/images.sh
. /etc/dindctl/images.sh
unused_for=${PRUNE_UNUSED_FOR:-}
keep_storage=${PRUNE_KEEP_STORAGE:-}
reclaimed=
work=/tmp/images

# tell_result leaves a line of JSON behind, which is not worth failing for.
tell_result() {
    { echo "$1" >/dev/termination-log; } 2>/dev/null || true
}

fail() {
    echo "dindctl: $*" >&2
    # No quote, backslash or line break may get into the JSON.
    tell_result "{\"error\":\"$(printf %s "$*" | tr -d '"\\' | tr '\012\011' '  ' | cut -c 1-500)\"}"
    exit 1
}

# prune runs docker with its arguments and adds up what it reclaimed.
prune() {
    echo "+ docker $*"
    tries=0
    until docker "$@" >/tmp/out 2>/tmp/err; do
        # 409 Conflict: the engine prunes one at a time. Someone else is
        # cleaning up, which is no reason to fail; take the turn after.
        if ! grep -q 'prune operation is already running' /tmp/err; then
            cat /tmp/out
            cat /tmp/err >&2
            fail "docker $* failed: $(tail -n 1 /tmp/err)"
        fi
        tries=$((tries + 1))
        [ "$tries" -gt 1 ] || echo "another prune is running; waiting for it"
        [ "$tries" -lt 360 ] || fail "another prune has been running for half an hour"
        sleep 5
    done
    cat /tmp/out
    cat /tmp/err >&2
    # The engine's own commands say "Total reclaimed space: 1.2GB", buildx,
    # which docker builder prune hands over to, says "Total: 1.2GB".
    for size in $(sed -n -e 's/^Total reclaimed space:[[:space:]]*//p' -e 's/^Total:[[:space:]]*//p' /tmp/out); do
        reclaimed="$reclaimed${reclaimed:+,}\"$size\""
    done
}

# taken prints how many bytes images and build cache take together, as far as
# docker tells. Layers that they share count as the images'.
taken() {
    { docker system df --format '{{.Type}}|{{.Size}}' && docker buildx du; } 2>/dev/null </dev/null | awk -F '[|:][ \t]*' '
        function bytes(s) { match(s, /^[0-9.]+/); return substr(s, 1, RLENGTH) * unit[substr(s, RLENGTH + 1)] }
        BEGIN { unit["B"] = 1; unit["kB"] = 1e3; unit["MB"] = 1e6; unit["GB"] = 1e9; unit["TB"] = 1e12 }
        { size[$1] = bytes($2) }
        # The first two are of buildx, which tells them apart if there are both.
        END {
            cache = ("Private" in size) ? "Private" : ("Total" in size) ? "Total" : "Build Cache"
            printf "%.0f", size["Images"] + size[cache]
        }'
}

# prune_images removes the images that nobody has used for so long. Docker's own
# filter goes by when an image was made, so that it also takes what was tagged a
# moment ago by a build that found everything in the cache.
prune_images() {
    echo "+ docker image rm, those not used for $unused_for"
    oldest=$(awk "$time_awk"'BEGIN { printf "%.0f", seconds(ARGV[1]) }' "$unused_for")
    mkdir -p "$work"
    before=$(taken)
    list_images "$work" /dev/null >"$work/list" || fail "the images cannot be listed"
    while IFS='|' read -r age id tags; do
        [ "$age" -lt "$oldest" ] || remove_image "$work" "$id" "$tags" || true
    done <"$work/list"
    after=$(taken)
    [ "$before" -le "$after" ] || reclaimed="$reclaimed${reclaimed:+,}\"$((before - after))B\""
}

[ -n "$unused_for" ] || fail "PRUNE_UNUSED_FOR is not set"
if ! version=$(docker version --format '{{.Server.Version}}' 2>/tmp/err); then
    cat /tmp/err >&2
    fail "the Docker daemon at ${DOCKER_HOST:-its default address} does not answer ($(tail -n 1 /tmp/err)); is its pod ready?"
fi
echo "Docker Engine $version at ${DOCKER_HOST:-its default address}, before:"
docker system df || true

if [ "$unused_for" = 0 ] && [ -z "$keep_storage" ]; then
    prune system prune -af
else
    # For containers and networks the filter goes by when they were made, for
    # build cache by its last use.
    set --
    [ "$unused_for" = 0 ] || set -- --filter "until=$unused_for"
    prune container prune -f "$@"
    prune network prune -f "$@"
    if [ "$unused_for" = 0 ]; then
        prune image prune -af
    else
        prune_images
    fi
    if [ -z "$keep_storage" ]; then
        prune builder prune -af "$@"
    else
        # buildx 0.17 renamed the flag; the engine's own client has the old one.
        case $(docker builder prune --help 2>&1) in
        *--reserved-space*) prune builder prune -af --reserved-space "$keep_storage" ;;
        *) prune builder prune -af --keep-storage "$keep_storage" ;;
        esac
    fi
fi

echo "after:"
docker system df || true
tell_result "{\"reclaimed\":[$reclaimed]}"
