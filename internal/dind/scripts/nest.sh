# shellcheck shell=sh
# Keeps builds and containers in this container's control group, so that the limits of
# the pod include them. start.sh sources this file, and passes cgroup_parent, unless it
# is empty, to the daemon.
#
# With cgroup v1, and in a private cgroup namespace, that is so anyway, and the daemon's
# groups are in /docker. With cgroup v2, a privileged container shares the node's
# namespace: the daemon would put the groups of builds beside the pods, at the node's
# root. See moby#45378.

# It records for `status` in /run/dindctl/limits whether it succeeded: G|1 or G|0.

cgroup_parent=
held=1
cgroup_root=/sys/fs/cgroup

# divide GROUP moves the processes of GROUP to GROUP/init, and passes its controllers on
# to the groups in it. A group may do that only while it has no processes, and the kubelet
# may start a probe at any time, hence the attempts. Later, a probe runs in GROUP/init.
divide() {
    mkdir -p "$1/init" "$1/docker" 2>/dev/null || return 1
    controllers=$(sed 's/[^ ]*/+&/g' "$1/cgroup.controllers")
    tries=0
    while [ "$tries" -lt 50 ]; do
        while read -r pid; do
            echo "$pid" 2>/dev/null >"$1/init/cgroup.procs"
        done <"$1/cgroup.procs"
        # Not with sed: BusyBox's ignores that the kernel refuses.
        echo "$controllers" 2>/dev/null >"$1/cgroup.subtree_control" && return 0
        tries=$((tries + 1))
        sleep 0.1
    done
    return 1
}

# reserve LIMIT FILE writes a limit for builds and containers that is below the pod's:
# one that takes too much meets it before the daemon meets the pod's, which is the
# daemon's end, because the kubelet makes the daemon the kernel's first choice.
reserve() {
    # A tenth for the daemon, but at least 256 MiB and at most half of it.
    own=$(($1 / 10))
    [ "$own" -ge 268435456 ] || own=268435456
    [ "$own" -le $(($1 / 2)) ] || own=$(($1 / 2))
    echo $(($1 - own)) 2>/dev/null >"$2"
}

# limit FILE prints the limit in a file, unless there is none.
limit() {
    grep -x '[0-9]*' "$1" 2>/dev/null
}

if [ -f "$cgroup_root/cgroup.controllers" ]; then
    path=$(sed -n 's/^0:://p' /proc/self/cgroup)
    case $path in
    # The namespace is private.
    '' | / | */..*) ;;
    *)
        group=$cgroup_root$path
        if divide "$group"; then
            # The kubelet asks that all processes of a container die together; here
            # only one is to die.
            echo 0 2>/dev/null >"$group/memory.oom.group"
            echo 1000 2>/dev/null >"$group/init/cpu.weight"
            # CRI-O may set the limit one level higher.
            bytes=$(limit "$group/memory.max" || limit "${group%/*}/memory.max") && reserve "$bytes" "$group/docker/memory.max"
            # shellcheck disable=SC2034 # start.sh reads it
            cgroup_parent=$path/docker
        else
            held=0
            echo "dindctl: the pod's limits do not include builds: $group cannot be divided" >&2
        fi
        ;;
    esac
elif bytes=$(limit "$cgroup_root/memory/memory.limit_in_bytes") && mkdir -p "$cgroup_root/memory/docker" 2>/dev/null; then
    reserve "$bytes" "$cgroup_root/memory/docker/memory.limit_in_bytes"
fi
echo "G|$held" >>/run/dindctl/limits
