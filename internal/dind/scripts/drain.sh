# shellcheck shell=sh
# Lets builds, pushes and pulls that are under way end before the daemon is told to stop:
# the kubelet runs it first when the pod is deleted (preStop).
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
socket=unix:///var/run/docker.sock

# say writes to the log of the container: the kubelet shows a hook's own output only if
# the hook fails.
say() { echo "dindctl: $*" >/proc/1/fd/2; }

# seconds prints the uptime, which does not jump as the clock may.
seconds() { cut -d . -f 1 /proc/uptime; }

# used reports whether a job has used the daemon within the last seconds.
used() {
    until=$(date +%s)
    timeout "$patience" docker -H "$socket" events --since $((until - quiet)) --until "$until" --filter type=image --filter type=container \
        --filter event=create --filter event=pull --filter event=push --filter event=load --filter event=import --filter event=tag \
        --format '{{.Action}}' 2>/dev/null | grep -q .
}

# remember notes who is connected, or was: the kernel remembers the kubelet's probes for a
# minute.
remember() { connections "$port" '0[1-9B]' | cut -d / -f 1 >>"$work/known"; }

# refuse_others lets nobody connect any more whom remember has not noted.
refuse_others() {
    sort -u "$work/known" >"$work/allowed"
    while IFS= read -r address; do
        case $address in
        *:*) ip6tables -w -I INPUT -p tcp --dport "$port" -s "$address" -j ACCEPT ;;
        *) iptables -w -I INPUT -p tcp --dport "$port" -s "$address" -j ACCEPT ;;
        esac
    done <"$work/allowed" 2>/dev/null
    for program in ip6tables iptables; do
        "$program" -w -A INPUT -p tcp --dport "$port" --syn -j REJECT --reject-with tcp-reset 2>/dev/null
    done && say "half of the drain timeout is over: jobs that begin now are refused"
}

# The daemon may not have started yet, or wait for the lock of its data root.
timeout "$patience" docker -H "$socket" version >/dev/null 2>&1 || exit 0

mkdir -p "$work"
: >"$work/known"
began=$(seconds)
busy=$((began - quiet + cached)) # when the last client was seen
! used || busy=$began
asked=$began
told=
told_at=0
half=$((longest / 2))
while true; do
    now=$(seconds)
    remember
    waits_for=$(clients "$port")
    [ -z "$waits_for" ] || busy=$now
    if [ $((now - busy)) -ge "$quiet" ]; then
        used || break
        busy=$now
    fi
    echo "$(($(date +%s) + longest - now + began)) $waits_for" >"$work/draining"
    if [ $((now - began)) -ge "$longest" ]; then
        [ -z "$waits_for" ] || say "the drain timeout of $longest s is over: the daemon stops, although there are clients: $waits_for"
        exit 0
    fi
    if [ "$half" -gt 0 ] && [ $((now - began)) -ge "$half" ]; then
        refuse_others
        half=0
    fi
    if [ -n "$waits_for" ] && [ "$waits_for" != "$told" ] && [ $((now - told_at)) -ge "$quiet" ]; then
        say "draining: the daemon stops when these clients have ended, in $((longest - now + began)) s at the latest: $waits_for"
        told=$waits_for
        told_at=$now
    fi
    if [ $((now - asked)) -ge "$patience" ]; then
        if ! timeout "$patience" docker -H "$socket" version >/dev/null 2>&1; then
            say "the daemon does not answer within $patience s: it stops, although there are clients: $waits_for"
            exit 0
        fi
        asked=$(seconds)
    fi
    sleep 1
done
[ -z "$told" ] || say "drained: no client for $quiet s"
