# shellcheck shell=sh
# Waits for builds, pushes and pulls in progress before the daemon stops: the kubelet runs
# it when the pod is deleted (preStop).
# Arguments: how many seconds it waits at most, the daemon's port.
#
# From the deletion on, the pod's own name does not resolve any more, so new jobs wait for
# the next pod. The Service still leads to this one, because no other is ready. Jobs that
# do not wait could prolong this for ever: in the second half of the time, only those who
# were connected before may connect.
#
# It keeps what it waits for in /run/dindctl/draining, for `status`:
#   the time of its end, the addresses of the clients
#
# POSIX sh only: Alpine images have BusyBox ash, Debian images have dash.

set -u
# shellcheck source=internal/dind/scripts/clients.sh
. /etc/dindctl/clients.sh
longest=$1
port=$2
work=/run/dindctl
# A job connects again and again, and is silent in between: this many seconds of silence
# are the end of its work.
quiet=10
# Clients may know the pod's name for so long after it is gone; see the TTL of
# https://coredns.io/plugins/kubernetes/
cached=5
# How long the daemon may take to answer.
patience=60
socket=/var/run/docker.sock

# say writes to the log of the container: the kubelet shows a hook's own output only if
# the hook fails.
say() { echo "dindctl: $*" >/proc/1/fd/2; }

# clock sets now to the uptime in seconds, which does not jump as the time may.
clock() {
    read -r now _ </proc/uptime
    now=${now%.*}
}

# used reports whether a job has used the daemon within the last seconds.
used() {
    until=$(date +%s)
    timeout "$patience" docker -H "unix://$socket" events --since $((until - quiet)) --until "$until" --filter type=image --filter type=container \
        --filter event=create --filter event=pull --filter event=push --filter event=load --filter event=import --filter event=tag \
        --format '{{.Action}}' 2>/dev/null | grep -q .
}

# refuse_others lets nobody connect any more who has not been connected since the drain
# began. The kernel remembers the kubelet's probes, which close their connections last.
refuse_others() {
    sed 's/^.. //; s/\/.*//' "$work/known" | sort -u | while IFS= read -r address; do
        case $address in
        *:*) ip6tables -w -I INPUT -p tcp --dport "$port" -s "$address" -j ACCEPT ;;
        *) iptables -w -I INPUT -p tcp --dport "$port" -s "$address" -j ACCEPT ;;
        esac
    done 2>/dev/null
    for program in ip6tables iptables; do
        "$program" -w -A INPUT -p tcp --dport "$port" --syn -j REJECT --reject-with tcp-reset 2>/dev/null
    done && say "half of the drain timeout is over: jobs that begin now are refused"
}

mkdir -p "$work"
: >"$work/known"
: >"$work/stop"
# While the daemon starts, nobody is connected. It and start.sh stop by themselves, but the
# image's entrypoint, which runs between the two, ignores the kubelet's signal.
tries=0
until [ -S "$socket" ]; do
    read -r program </proc/1/comm
    case $program in
    docker-init | dockerd) exit 0 ;;
    esac
    ! grep -q start.sh /proc/1/cmdline && [ "$tries" -lt 60 ] || exit 0
    tries=$((tries + 1))
    sleep 1
done
end=$(($(date +%s) + longest))
clock
began=$now
asked=$now
busy=$((now - quiet + cached)) # when the last client was seen
! used || busy=$now
told=
told_at=$((now - quiet))
half=$((longest / 2))
while true; do
    clock
    connections "$port" >>"$work/known"
    waits_for=$(clients "$port")
    [ -z "$waits_for" ] || busy=$now
    if [ $((now - busy)) -ge "$quiet" ]; then
        used || break
        busy=$now
    fi
    echo "$end $waits_for" >"$work/draining"
    if [ -n "$waits_for" ] && [ "$waits_for" != "$told" ] && [ $((now - told_at)) -ge "$quiet" ]; then
        say "draining: the daemon stops when these clients have ended, in $((longest - now + began)) s at the latest: $waits_for"
        told=$waits_for
        told_at=$now
    fi
    if [ $((now - began)) -ge "$longest" ]; then
        [ -z "$waits_for" ] || say "the drain timeout of $longest s is over: the daemon stops, although there are clients: $waits_for"
        exit 0
    fi
    if [ "$half" -gt 0 ] && [ $((now - began)) -ge "$half" ]; then
        refuse_others
        half=0
    fi
    if [ $((now - asked)) -ge "$patience" ]; then
        if ! timeout "$patience" docker -H "unix://$socket" version >/dev/null 2>&1; then
            say "the daemon does not answer within $patience s: it stops, although there are clients: $waits_for"
            exit 0
        fi
        asked=$now
    fi
    sleep 1
done
[ -z "$told" ] || say "drained: no client for $quiet s"
