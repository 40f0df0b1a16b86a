# shellcheck shell=sh
# Removes from the Docker daemon at DOCKER_HOST what was not used for PRUNE_UNUSED_FOR (a
# Go duration; 0: everything unused). If PRUNE_KEEP_STORAGE (bytes) is set, that much of
# the most recently used build cache stays, regardless of age. The termination message
# contains the error, if there is one.
#
# The sizes that the daemon says it freed are not added up: it counts layers twice that an
# image shares with the cache, and frees space in the background. guard.sh, which sees the
# file system, records what it gained between the creation and the removal of a volume.
#
# POSIX sh only: Alpine images have BusyBox ash, Debian images have dash.

set -u
# shellcheck source=internal/dind/scripts/images.sh
. /etc/dindctl/images.sh
unused_for=${PRUNE_UNUSED_FOR:-}
keep_storage=${PRUNE_KEEP_STORAGE:-}
work=/tmp/images

fail() {
    echo "dindctl: $*" >&2
    # Remove characters that JSON would have to escape.
    { echo "{\"error\":\"$(printf %s "$*" | tr -d '"\\' | tr '\012\011' '  ' | cut -c 1-500)\"}" >/dev/termination-log; } 2>/dev/null
    exit 1
}

# prune runs docker with its arguments.
prune() {
    echo "+ docker $*"
    tries=0
    until docker "$@" >/tmp/out 2>/tmp/err; do
        # 409 Conflict: the engine runs one prune at a time. Wait for the other.
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
}

# prune_images removes the images that were not used for $unused_for. Docker's filter
# uses the time of creation: it also removes an image that a fully cached build has just
# tagged.
prune_images() {
    echo "+ docker image rm: images not used for $unused_for"
    oldest=$(awk "$time_awk"'BEGIN { printf "%.0f", seconds(ARGV[1]) }' "$unused_for")
    mkdir -p "$work"
    list_images "$work" /dev/null >"$work/list" || fail "cannot list the images"
    while IFS='|' read -r age id tags; do
        [ "$age" -lt "$oldest" ] || remove_image "$work" "$id" "$tags" || true
    done <"$work/list"
}

[ -n "$unused_for" ] || fail "PRUNE_UNUSED_FOR is not set"
# The nodes take a moment to apply the Service and NetworkPolicies for a new pod.
tries=0
until version=$(docker version --format '{{.Server.Version}}' 2>/tmp/err); do
    tries=$((tries + 1))
    if [ "$tries" -eq 15 ]; then
        cat /tmp/err >&2
        fail "the Docker daemon at ${DOCKER_HOST:-its default address} is not responding ($(tail -n 1 /tmp/err)); is its pod ready?"
    fi
    sleep 1
done
echo "Docker Engine $version at ${DOCKER_HOST:-its default address}, before:"
docker system df || true
docker volume create dindctl-prune >/dev/null 2>&1
trap 'docker volume rm dindctl-prune >/dev/null 2>&1' EXIT

if [ "$unused_for" = 0 ] && [ -z "$keep_storage" ]; then
    prune system prune -af
else
    # The filter uses the last use of build cache, but the creation of containers and
    # networks.
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
        # buildx 0.17 renamed the flag.
        case $(docker builder prune --help 2>&1) in
        *--reserved-space*) prune builder prune -af --reserved-space "$keep_storage" ;;
        *) prune builder prune -af --keep-storage "$keep_storage" ;;
        esac
    fi
fi

echo "after:"
docker system df || true
