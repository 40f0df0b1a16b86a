# shellcheck shell=sh
# A CI job that stands for the jobs of PROJECTS projects, of which six build at the same time,
# twice. By ROUTE each chooses a replica: "key" by the script in CHOOSE with the project's
# number as its key, "random" any of REPLICAS, "buildx" one of the builders that buildx's
# Kubernetes driver makes, by the path of the build. It prints the time of the second round,
# how many of its builds came from the cache, and how long choosing took.

set -eu
clock() {
    read -r now _ </proc/uptime
    now=${now%.*}${now#*.}
}
eval "dindctl_choose() { $CHOOSE
}"

build="docker build"
if [ "$ROUTE" = buildx ]; then
    : >/tmp/buildkitd.toml
    if [ -n "$REGISTRY" ]; then
        printf '[registry."docker.io"]\n  mirrors = ["%s"]\n[registry."%s"]\n  http = true\n' "$REGISTRY" "$REGISTRY" >/tmp/buildkitd.toml
    fi
    docker buildx create --name peer --driver kubernetes --bootstrap --buildkitd-config /tmp/buildkitd.toml \
        --driver-opt "namespace=$NAMESPACE,replicas=$REPLICAS,loadbalance=sticky,image=moby/buildkit:buildx-stable-1,requests.cpu=100m,limits.cpu=$CPU" >&2
    build="docker buildx build --builder peer --output type=cacheonly"
fi

# project NUMBER ROUND builds one project: one step is the same each time, one is not.
project() {
    clock
    began=$now
    case $ROUTE in
    key)
        # shellcheck disable=SC2034 # the script reads it
        DINDCTL_KEY=$1
        dindctl_choose 2>/dev/null
        ;;
    random)
        replica=$(($(od -An -N2 -tu2 /dev/urandom) % REPLICAS))
        if [ "$replica" -gt 0 ]; then export DOCKER_HOST="tcp://$NAME-$replica.$NAMESPACE.svc:2375"; fi
        ;;
    esac
    clock
    echo $((now - began)) >"/tmp/chose-$1-$2"
    mkdir -p "/tmp/project-$1"
    echo "$2" >"/tmp/project-$1/source"
    cat >"/tmp/project-$1/Dockerfile" <<END
FROM busybox:1.37
RUN echo dependencies of $1 are \$(echo made) && head -c 100000000 /dev/zero | sha256sum >/dependencies
COPY source /source
RUN head -c 50000000 /dev/zero | sha256sum >/application
END
    $build --progress=plain "/tmp/project-$1" >"/tmp/log-$1-$2" 2>&1 || mv "/tmp/log-$1-$2" "/tmp/failed-$1-$2"
}

round() {
    for worker in 0 1 2 3 4 5; do
        {
            number=$worker
            while [ "$number" -lt "$PROJECTS" ]; do
                # In a separate process, so that DOCKER_HOST is the first again.
                (project "$number" "$1")
                number=$((number + 6))
            done
        } &
    done
    wait
}

round 1
clock
began=$now
round 2
clock
cached=0
for log in /tmp/log-*-2; do
    if ! grep -q 'are made' "$log"; then cached=$((cached + 1)); fi
done
failed=$(find /tmp -name 'failed-*' | wc -l)
chose=$(cat /tmp/chose-* | awk '{ sum += $1 } END { printf "%d", sum * 10 / NR }')
echo "measured: hundredths=$((now - began)) cached=$cached failed=$failed milliseconds=$chose"
