# shellcheck shell=sh
# A CI job. It runs BUILDS parallel builds of an image with several stages and
# MEGABYTES of dependencies. The application changes with each build, the
# dependencies do not. It prints how long this took, including the wait for the
# daemon, and how many builds failed. SETUP has commands to run instead of that wait,
# and BUILD is the command of a build, "docker build" by default.

set -u

clock() {
    read -r now _ </proc/uptime
    now=${now%.*}${now#*.}
}

# checkout NUMBER creates the files of one build.
checkout() {
    mkdir -p "/tmp/app/$1"
    cat /proc/sys/kernel/random/uuid >"/tmp/app/$1/source"
    cat >"/tmp/app/$1/Dockerfile" <<END
FROM busybox:1.37 AS dependencies
RUN mkdir /dependencies && for i in \$(seq $MEGABYTES); do head -c 1000000 /dev/urandom >/dependencies/\$i; done && sha256sum /dependencies/* >/lock

FROM dependencies AS application
COPY source /source
RUN cat /source /lock | sha256sum >/application

FROM busybox:1.37
COPY --from=dependencies /dependencies /dependencies
COPY --from=application /application /application
CMD ["cat", "/application"]
END
}

number=0
while [ "$number" -lt "$BUILDS" ]; do
    number=$((number + 1))
    checkout "$number"
done

clock
began=$now
if [ -n "${SETUP:-}" ]; then
    eval "$SETUP" || exit 1
else
    until docker version >/dev/null 2>&1; do
        sleep 0.1
        clock
        if [ $((now - began)) -gt 12000 ]; then
            docker version
            exit 1
        fi
    done
fi

while [ "$number" -gt 0 ]; do
    {
        ${BUILD:-docker build} -t "app:$number" "/tmp/app/$number" >"/tmp/app/$number.log" 2>&1 ||
            mv "/tmp/app/$number.log" "/tmp/app/$number.failed"
    } &
    number=$((number - 1))
done
wait
clock

failed=0
for log in /tmp/app/*.failed; do
    if [ -e "$log" ]; then
        failed=$((failed + 1))
        tail -n 20 "$log"
    fi
done
echo "measured: hundredths=$((now - began)) failed=$failed"
