# shellcheck shell=sh
# Connects to the Docker daemon at DOCKER_HOST like a CI job, builds a small image twice,
# and checks whether the second build uses the cache.
#
# VERIFY_TOKEN   is unique, so that nothing of the first build is cached
# VERIFY_EXPECT  reached: connect and build twice;
#                refused: the connection must fail, and nothing is built
# VERIFY_SCRIPT  is what jobs begin with if there are several replicas; in those of the project
#                VERIFY_KEY it must change DOCKER_HOST from VERIFY_FIRST to this address
#
# The termination message has the result: lines of NAME=VALUE, an empty line, and the
# end of docker's output. The exit code is 0 for every result; other codes mean that
# there is none. The script removes what it built, even if it receives a signal.
#
# POSIX sh only: Alpine images have BusyBox ash, Debian images have dash.
# Do not use two dollar signs in a row, or a variable's name in a command substitution:
# Kubernetes replaces both before the shell runs.

set -u
token=${VERIFY_TOKEN:-}
expect=${VERIFY_EXPECT:-reached}
address=${DOCKER_HOST:-}
image=dindctl-verify:$token
child=
facts=
building=

# run runs a command so that signals can interrupt the wait. Its output goes to
# /tmp/said.
run() {
    "$@" >/tmp/said 2>&1 &
    child=$!
    wait "$child"
    set -- "$?"
    child=
    return "$1"
}

# clock sets now to the uptime in hundredths of a second.
clock() {
    read -r now _ </proc/uptime
    now=${now%.*}${now#*.}
}

# records sets ids to this run's records in the build cache, which contain the token.
# Context and Dockerfile records carry no token: they are those that did not exist
# before the build.
records() {
    sources="$(timeout 60 docker buildx du --verbose --filter type=source.local 2>/dev/null | sed -n 's/^ID:[[:space:]]*//p')"
    ids=$(timeout 60 docker buildx du --verbose 2>/dev/null | awk -v token="$token" '
        /^ID:/ { id = $2 }
        /^Description:/ && index($0, token) { print id }')
    for id in $sources; do
        case " $before " in
        *" $id "*) ;;
        *) ids="$ids $id" ;;
        esac
    done
}

remove() {
    trap '' TERM INT
    [ -n "$building" ] || return 0
    timeout 30 docker image rm -f "$image" >/dev/null 2>&1
    # A record can be removed only after the records that depend on it.
    for _ in 1 2 3; do
        records
        # shellcheck disable=SC2086 # one word each
        set -- $ids
        [ "$#" -gt 0 ] || break
        for id in "$@"; do
            timeout 30 docker buildx prune -f --filter "id=$id" >/dev/null 2>&1
        done
    done
}

stopped() {
    echo "received a signal to stop"
    if [ -n "$child" ]; then
        kill "$child" 2>/dev/null
        wait "$child" 2>/dev/null
    fi
    remove
    exit 143
}

# conclude OUTCOME: writes the result and exits.
conclude() {
    {
        echo "outcome=$1"
        printf '%s' "$facts"
        echo
        tail -n 8 /tmp/said | cut -c 1-400
    } >/tmp/conclusion
    cat /tmp/conclusion
    remove
    cat /tmp/conclusion >/dev/termination-log
    exit 0
}

fact() {
    facts="$facts$1=$2
"
}

# attempt connects to the daemon once. It sets problem if that fails.
attempt() {
    if command -v getent >/dev/null 2>&1 && ! run timeout 10 getent hosts "$host"; then
        echo "the name $host does not resolve" >/tmp/said
        problem=unresolved
        return 1
    fi
    run timeout 5 docker version --format '{{.Client.Arch}} {{.Server.Arch}} {{.Server.Version}}'
    case $?/$(cat /tmp/said) in
    0/*) return 0 ;;
    124/* | 143/* | *'i/o timeout'* | *'deadline exceeded'*)
        echo "no response from $address within 5 s" >>/tmp/said
        problem=silent
        ;;
    *'no such host'* | *' lookup '*) problem=unresolved ;;
    *'onnection refused'* | *'no route to host'* | *'annot connect to the Docker daemon'*) problem=refused ;;
    *) problem=unusable ;;
    esac
    return 1
}

# reach retries for a while until the result is as expected: the node may take a moment
# to apply a Service and NetworkPolicies for a new pod.
reach() {
    clock
    patience=$((now + 1500))
    [ "$expect" = reached ] || patience=$((now + 500))
    while true; do
        problem=
        attempt
        echo "trying $address: ${problem:-reached}"
        case $expect/$problem in
        reached/ | refused/refused | refused/silent) return ;;
        esac
        clock
        [ "$now" -lt "$patience" ] || return
        run sleep 1
    done
}

# context creates the build context. If client and daemon have the same platform, it
# includes a shell with its libraries, for a RUN step.
context() {
    mkdir -p "/tmp/context/$token"
    cd /tmp/context || exit 1
    echo "$token" >"$token/token"
    steps=2
    printf 'FROM scratch\nCOPY %s /\n' "$token" >Dockerfile
    shell=$(readlink -f "$(command -v sh)")
    if [ "${platforms%% *}" = "${platforms#* }" ] && ldd "$shell" >/tmp/libraries 2>/dev/null; then
        mkdir -p "$token/bin"
        cp "$shell" "$token/bin/sh"
        for library in $(grep -o '/[^ ]*' /tmp/libraries); do
            mkdir -p "$token${library%/*}"
            cp -L "$library" "$token$library"
        done
        printf 'RUN ["/bin/sh", "-c", "echo %s >/proof"]\n' "$token" >>Dockerfile
    else
        printf 'COPY %s/token /proof\n' "$token" >>Dockerfile
    fi
}

# build NAME: records the duration and the number of cached steps, as BuildKit and the
# legacy builder print them.
build() {
    clock
    began=$now
    run docker build -t "$image" .
    set -- "$1" "$?"
    clock
    cat /tmp/said
    if [ "$2" -ne 0 ]; then
        conclude failed
    fi
    cached=$(grep -c -e '^#[0-9]* CACHED' -e '^ ---> Using cache' /tmp/said)
    fact "$1" "$((now - began))"
    fact "$1-cached" "$cached"
}

# choose checks which replica the jobs of a project of this one choose, twice: they meet.
choose() {
    for _ in 1 2; do
        chosen=$(DOCKER_HOST=${VERIFY_FIRST:-} DINDCTL_KEY=${VERIFY_KEY:-} timeout 120 sh -euc "$VERIFY_SCRIPT"'
            echo "$DOCKER_HOST"' 2>/tmp/said)
        echo "a job of project ${VERIFY_KEY:-} chooses $chosen"
        if [ "$chosen" != "$address" ]; then
            echo "it chose $chosen" >>/tmp/said
            conclude misrouted
        fi
    done
}

trap stopped TERM INT
if [ -z "$token" ]; then
    echo "dindctl: VERIFY_TOKEN is not set" >&2
    exit 1
fi
host=${address#*://}
host=${host%:*}
reach
if [ -n "$problem" ]; then
    conclude "$problem"
fi
platforms=$(cut -d ' ' -f 1,2 /tmp/said)
fact engine "$(cut -d ' ' -f 3 /tmp/said)"
if [ "$expect" != reached ]; then
    : >/tmp/said
    conclude reached
fi
[ -z "${VERIFY_SCRIPT:-}" ] || choose
context
before=" $(timeout 60 docker buildx du --verbose --filter type=source.local 2>/dev/null | sed -n 's/^ID:[[:space:]]*//p' | tr '\n' ' ') "
building=yes
fact steps "$steps"
build cold
build warm
if [ "$cached" -lt "$steps" ]; then
    conclude uncached
fi
: >/tmp/said
conclude cached
