# shellcheck shell=sh
# Removes from the Docker daemon at DOCKER_HOST what was not used for PRUNE_UNUSED_FOR (a
# Go duration; 0: everything unused), and containers that run for longer than
# PRUNE_MAX_CONTAINER_AGE (a Go duration, or not set). If PRUNE_KEEP_STORAGE (bytes) is
# set, that much of the most recently used build cache stays, regardless of age. With
# PRUNE_CERTIFICATE_DAYS it fails in the end, with exit code 3, if a certificate of TLS is
# valid for fewer days: an alert on failed Jobs is enough to renew it in time. The
# termination message contains the error, if there is one.
#
# The sizes that the daemon says it freed are not added up: it counts layers twice that an
# image shares with the cache, and frees space in the background. guard.sh, which sees the
# file system, records what it gained between the creation and the removal of a volume.
# Nor is docker system df asked: it walks all volumes, and a damaged build cache can crash
# the daemon that counts it.
#
# POSIX sh only: Alpine images have BusyBox ash, Debian images have dash.

set -u
# shellcheck source=internal/dind/scripts/images.sh
. /etc/dindctl/images.sh
# shellcheck source=internal/dind/scripts/leftovers.sh
. /etc/dindctl/leftovers.sh
unused_for=${PRUNE_UNUSED_FOR:-}
keep_storage=${PRUNE_KEEP_STORAGE:-}
max_age=${PRUNE_MAX_CONTAINER_AGE:-}
work=/tmp/images
docker_time=3000

# fail MESSAGE [EXIT CODE]
fail() {
    echo "dindctl: $1" >&2
    # Remove characters that JSON would have to escape.
    { echo "{\"error\":\"$(printf %s "$1" | tr -d '"\\' | tr '\012\011' '  ' | cut -c 1-500)\"}" >/dev/termination-log; } 2>/dev/null
    exit "${2:-1}"
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

# remove runs a function of leftovers.sh.
remove() {
    echo "+ $1 not used for $unused_for"
    "$2" "$work/uses" "$oldest"
}

# read_uses copies the uses that guard.sh noted on the daemon's volume to a file. Only a
# container can show it: one of an empty image, which never starts.
read_uses() {
    sleep 2 # guard.sh is writing
    true >"$work/uses"
    container=
    image=$(head -c 1024 /dev/zero | docker import - 2>/dev/null) &&
        container=$(docker create --mount type=bind,source=/var/lib/docker/dindctl,target=/dindctl,readonly "$image" none 2>/dev/null) &&
        docker cp "$container:/dindctl/uses" "$work/uses" >/dev/null 2>&1 ||
        echo "it is unknown which images were pulled, pushed or started: their age is that of the image"
    [ -z "$container" ] || docker rm "$container" >/dev/null 2>&1
    [ -z "$image" ] || docker image rm "$image" >/dev/null 2>&1
}

# prune_images removes the images that were not used for $unused_for. Docker's filter
# uses the time of creation: it also removes an image that a fully cached build has just
# tagged.
prune_images() {
    echo "+ images not used for $unused_for"
    list_images "$work" "$work/uses" >"$work/list" || fail "cannot list the images"
    unused_images "$oldest" <"$work/list" >"$work/old"
    from=1
    while sed -n "$from,$((from + 19))p" "$work/old" >"$work/part" && [ -s "$work/part" ]; do
        remove_images "$work" <"$work/part"
        from=$((from + 20))
    done
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
echo "Docker Engine $version at ${DOCKER_HOST:-its default address}"
mkdir -p "$work"
present_images "$work"
# guard.sh measures from here on, and writes down the uses that it has noted.
docker volume create dindctl-prune >/dev/null 2>&1
trap 'docker volume rm dindctl-prune >/dev/null 2>&1' EXIT
oldest=$(in_seconds "$unused_for")
read_uses
if [ -n "$max_age" ]; then
    echo "+ containers that run for longer than $max_age"
    remove_running "$work/uses" "$(in_seconds "$max_age")"
fi
remove "stopped containers" remove_stopped
remove builders remove_builders
# The filters use the last use of build cache, but the creation of networks.
set --
[ "$unused_for" = 0 ] || set -- --filter "until=$unused_for"
prune network prune -f "$@"
remove "anonymous volumes" remove_volumes
if [ "$unused_for" = 0 ]; then
    prune image prune -af
else
    prune_images
fi
forgets=
[ "$unused_for$keep_storage" = 0 ] || ! forgets_cache || forgets=yes
if [ -n "$forgets" ] && [ -z "${PRUNE_CACHE_NOW:-}" ]; then
    echo "+ no build cache: after each build the daemon itself removes what was not used for $unused_for"
elif [ -z "$keep_storage" ]; then
    prune builder prune -af "$@"
else
    prune builder prune -af "$(keep_flag)" "$keep_storage"
fi
[ -z "$forgets" ] || [ -z "${PRUNE_CACHE_NOW:-}" ] ||
    echo "the daemon may have forgotten the cache of builds on images that were pulled: the next builds show it"
# Somebody gave them a name to find them again.
echo "volumes with a name, which stay: $(docker volume ls -q 2>/dev/null | grep -v -e '^dindctl-prune$' -e '^[0-9a-f]\{64\}$' | grep -c .)"
if [ -n "${PRUNE_CERTIFICATE_DAYS:-}" ]; then
    # shellcheck source=internal/dind/scripts/certificates.sh
    . /etc/dindctl/certificates.sh
    check_certificates "$PRUNE_CERTIFICATE_DAYS"
    [ -z "$expiring" ] || fail "the prune succeeded, but $expiring: dindctl status says how to renew it" 3
fi
