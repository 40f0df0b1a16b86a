# shellcheck shell=sh
# Serves Prometheus one page: what the daemon measures of itself, and what guard.sh wrote.
# Runs in a container without privileges beside the daemon, whose network it shares.
# Arguments: the page's port, the port of the daemon's own metrics, the port of the daemon.
# nc runs it again, with "answer" before them, for each request.
#
# BusyBox only, like the official image. There, nc is larger than usual, and has the
# option -l twice as well.

set -u
. /etc/dindctl/clients.sh

# own prints the daemon's metrics with the installation's name, if the daemon answers,
# without those that say nothing here: with BuildKit the daemon does not count builds, and it
# is in no swarm.
own() {
    answer=$(timeout 5 wget -q -O - "http://127.0.0.1:$1/metrics") && [ -n "$answer" ] || return
    echo "$answer" | awk -v label="name=\"$(hostname)\"" '
        /^(# [A-Z]+ )?(builder|swarm|etcd)_/ || /^$/ { next }
        /^#/ { print; next }
        /^[a-zA-Z0-9_:]+[{]/ { sub(/[{]/, "{" label ","); print; next }
        { sub(/ /, "{" label "} "); print }'
}

page() {
    name="{name=\"$(hostname)\"}"
    measured=$(own "$1")
    echo "# HELP dindctl_up Whether the daemon answers."
    echo "# TYPE dindctl_up gauge"
    echo "dindctl_up$name $([ -n "$measured" ] && echo 1 || echo 0)"
    echo "# HELP dindctl_connections Established connections of clients to the daemon's port."
    echo "# TYPE dindctl_connections gauge"
    echo "dindctl_connections$name $(connections "$2" | grep -v ' 127[.]' | grep -c '^01 ')"
    cat /run/dindctl/metrics/page
    echo "$measured"
}

if [ "$1" = answer ]; then
    cr=$(printf '\r')
    read -r _ path _
    while IFS= read -r line && [ -n "${line%"$cr"}" ]; do :; done
    code="200 OK"
    body=$(page "$3" "$4" 2>/dev/null)
    if [ "$path" != /metrics ]; then
        code="404 Not Found"
        body="The metrics are at /metrics."
    fi
    echo "HTTP/1.1 $code$cr"
    echo "Content-Type: text/plain; version=0.0.4$cr"
    echo "Content-Length: $((${#body} + 1))$cr"
    echo "Connection: close$cr"
    echo "$cr"
    echo "$body"
    exit
fi

# The first process of a container ignores signals that it does not handle.
trap 'kill "$!" 2>/dev/null; exit' TERM INT
while true; do
    # The shell between the two lets timeout wait: nc makes its children ignore SIGCHLD.
    nc -ll -p "$1" -e sh -c 'exec timeout 10 sh "$0" answer "$@"' /etc/dindctl/page.sh "$@" &
    wait "$!"
    # If this process ended, the pod would not be ready, and the daemon is.
    echo "dindctl: nc of this image does not serve the metrics; trying again in a minute" >&2
    sleep 60 &
    wait "$!"
done
