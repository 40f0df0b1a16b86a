# Builds a small image twice with the Docker daemon at DOCKER_HOST, as a CI job
# would, and finds out whether the second build was served from the cache.
#
# VERIFY_TOKEN   is new each time, so that nothing of the first build is cached
# VERIFY_EXPECT  reached: the daemon is to be reached, and builds twice;
#                refused: it is not to be reached, and nothing is built
#
# What was found goes to the termination message: lines of NAME=VALUE, an empty
# line, and the last of what docker said. Whatever was found, the script ends
# with 0; other codes mean that it could not find out. It removes what it built,
# also when it is told to stop.
#
# POSIX sh only: Alpine's images bring BusyBox ash, Debian's bring dash.
# Kubernetes replaces two dollar signs in a row, and a variable's name in
# dollar and parentheses, before the shell reads this: use neither.

set -u
token=${VERIFY_TOKEN:-}
expect=${VERIFY_EXPECT:-reached}
address=${DOCKER_HOST:-}
image=dindctl-verify:$token
child=
facts=
building=

# run waits for a command in a way that a signal can interrupt. What the
# command says goes to /tmp/said.
run() {
    "$@" >/tmp/said 2>&1 &
    child=$!
    wait "$child"
    set -- "$?"
    child=
    return "$1"
}

# clock sets now, in hundredths of a second.
clock() {
    read -r now _ </proc/uptime
    now=${now%.*}${now#*.}
}

# records sets ids to those records of the build cache that are this run's:
# they name the token. What was sent as the build's context and its Dockerfile
# names nothing; of that, what is here now and was not before is meant.
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

clean_up() {
    trap '' TERM INT
    [ -n "$building" ] || return 0
    timeout 30 docker image rm -f "$image" >/dev/null 2>&1
    # A record goes only once those that build on it have gone.
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
    echo "told to stop"
    if [ -n "$child" ]; then
        kill "$child" 2>/dev/null
        wait "$child" 2>/dev/null
    fi
    clean_up
    exit 143
}

# conclude OUTCOME: the end.
conclude() {
    {
        echo "outcome=$1"
        printf '%s' "$facts"
        echo
        tail -n 8 /tmp/said | cut -c 1-400
    } >/tmp/conclusion
    cat /tmp/conclusion
    clean_up
    cat /tmp/conclusion >/dev/termination-log
    exit 0
}

fact() {
    facts="$facts$1=$2
"
}

# attempt to reach the daemon, or set problem.
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
        echo "no answer from $address within 5 s" >>/tmp/said
        problem=silent
        ;;
    *'no such host'* | *' lookup '*) problem=unresolved ;;
    *'onnection refused'* | *'no route to host'* | *'annot connect to the Docker daemon'*) problem=refused ;;
    *) problem=unusable ;;
    esac
    return 1
}

# reach tries until it is as expected, for a while: the node may take a moment
# to learn where a Service leads and what a policy says about a new pod.
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

# context makes the directory that is built from: a shell with its libraries for
# a step that runs, where this machine's programs are the daemon's kind.
context() {
    mkdir -p "/tmp/context/$token"
    cd /tmp/context || exit 1
    echo "$token" >"$token/token"
    steps=2
    printf 'FROM scratch\nCOPY %s /\n' "$token" >Dockerfile
    shell=$(readlink -f "$(command -v sh)")
    if [ "${kinds%% *}" = "${kinds#* }" ] && ldd "$shell" >/tmp/libraries 2>/dev/null; then
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

# build WHICH: notes how long it took and how many steps the build itself says
# it took from the cache, as BuildKit puts it and as the builder before it did.
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
kinds=$(cut -d ' ' -f 1,2 /tmp/said)
fact engine "$(cut -d ' ' -f 3 /tmp/said)"
if [ "$expect" != reached ]; then
    : >/tmp/said
    conclude reached
fi
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
