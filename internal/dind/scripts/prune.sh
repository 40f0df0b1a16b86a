# Removes from the Docker daemon at DOCKER_HOST what nobody has used for
# PRUNE_UNUSED_FOR (a Go duration; 0: everything that is unused now). With
# PRUNE_KEEP_STORAGE (bytes) that much of the build cache stays, the last used
# first, whatever its age. What was freed goes to the termination message.
#
# POSIX sh only: Alpine's images bring BusyBox ash, Debian's bring dash.
# Kubernetes replaces two dollar signs in a row, and a variable's name in
# dollar and parentheses, before the shell reads this: use neither.

set -u
unused_for=${PRUNE_UNUSED_FOR:-}
keep_storage=${PRUNE_KEEP_STORAGE:-}
reclaimed=

fail() {
    echo "dindctl: $*" >&2
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
            fail "docker $* failed"
        fi
        tries=$((tries + 1))
        if [ "$tries" -eq 1 ]; then
            echo "another prune is running; waiting for it"
        fi
        if [ "$tries" -ge 360 ]; then
            fail "another prune has been running for half an hour"
        fi
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

if [ -z "$unused_for" ]; then
    fail "PRUNE_UNUSED_FOR is not set"
fi
if ! version=$(docker version --format '{{.Server.Version}}' 2>/tmp/err); then
    cat /tmp/err >&2
    fail "the Docker daemon at ${DOCKER_HOST:-its default address} does not answer; is its pod ready?"
fi
echo "Docker Engine $version at ${DOCKER_HOST:-its default address}, before:"
docker system df || true

# The filter goes by last use for build cache, and by creation or by the time
# of the pull for containers, networks and images.
if [ "$unused_for" = 0 ]; then
    set --
else
    set -- --filter "until=$unused_for"
fi

if [ -z "$keep_storage" ]; then
    prune system prune -af "$@"
else
    # docker system prune knows no limit, so its parts are run one by one.
    prune container prune -f "$@"
    prune network prune -f "$@"
    prune image prune -af "$@"
    # buildx 0.17 renamed the flag; the engine's own client has the old one.
    case $(docker builder prune --help 2>&1) in
    *--reserved-space*) prune builder prune -af --reserved-space "$keep_storage" ;;
    *) prune builder prune -af --keep-storage "$keep_storage" ;;
    esac
fi

echo "after:"
docker system df || true
# Not worth failing for: the clean-up itself is done.
{ echo "{\"reclaimed\":[$reclaimed]}" >/dev/termination-log; } 2>/dev/null || true
