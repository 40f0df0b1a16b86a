# shellcheck shell=sh
# Keeps builds and containers in this container's control group, so that the limits of
# the pod include them. start.sh sources this file, and passes cgroup_parent, unless it
# is empty, to the daemon.
#
# With cgroup v1, and in a cgroup namespace of the container's own, that is so anyway.
# With cgroup v2, a container that is privileged has the node's namespace: the daemon
# would put the groups of builds beside the pods, at the node's root. See moby#45378.

cgroup_parent=
cgroup_root=/sys/fs/cgroup

# divide GROUP moves the processes of GROUP to GROUP/init, and passes its controllers on
# to the groups in it. A group may do that only while it has no processes, and the kubelet
# may start a probe at any time, hence the attempts. Later, a probe runs in GROUP/init.
divide() {
    mkdir -p "$1/init" "$1/docker" 2>/dev/null || return 1
    tries=0
    while [ "$tries" -lt 50 ]; do
        while read -r pid; do
            echo "$pid" 2>/dev/null >"$1/init/cgroup.procs"
        done <"$1/cgroup.procs"
        sed 's/[^ ]*/+&/g' "$1/cgroup.controllers" 2>/dev/null >"$1/cgroup.subtree_control" && return 0
        tries=$((tries + 1))
        sleep 0.1
    done
    return 1
}

# reserve GROUP gives the builds in GROUP/docker less memory than the pod has: a build
# that takes too much meets their limit before the daemon meets the pod's. The kubelet
# asks that all processes of a container die together; here only one is to die.
reserve() {
    echo 0 2>/dev/null >"$1/memory.oom.group"
    echo 1000 2>/dev/null >"$1/init/cpu.weight"
    # CRI-O may set the limit one level higher.
    for file in "$1/memory.max" "${1%/*}/memory.max"; do
        limit=
        read -r limit 2>/dev/null <"$file"
        case $limit in
        '' | *[!0-9]*) continue ;;
        esac
        # A tenth for the daemon, but at least 256 MiB and at most half of it.
        own=$((limit / 10))
        [ "$own" -ge 268435456 ] || own=268435456
        [ "$own" -le $((limit / 2)) ] || own=$((limit / 2))
        echo $((limit - own)) 2>/dev/null >"$1/docker/memory.max"
        return
    done
}

if [ -f "$cgroup_root/cgroup.controllers" ]; then
    path=$(sed -n 's/^0:://p' /proc/self/cgroup)
    case $path in
    '' | / | */..*) ;; # a namespace of its own
    *)
        if divide "$cgroup_root$path"; then
            reserve "$cgroup_root$path"
            # shellcheck disable=SC2034 # start.sh reads it
            cgroup_parent=$path/docker
        else
            echo "dindctl: the pod's limits do not include builds: $cgroup_root$path cannot be divided" >&2
        fi
        ;;
    esac
fi
