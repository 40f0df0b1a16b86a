# shellcheck shell=sh
# Part of start.sh: waits until no other daemon uses the data root. Two daemons corrupt it.
#
# The strategy Recreate does not prevent two: when a pod is deleted or evicted, its
# successor starts while the daemon still stops. Two installations may also have been given
# one claim or one directory.
#
# The lock is file 9 of this process, which becomes the daemon's init process: the kernel
# releases it when the container ends, however it ends.

lock=/var/lib/docker/dindctl/lock
# While this file exists, await.sh reports the text in it.
waiting=/var/run/dindctl-waiting
held="another daemon uses this data root: waiting for it to stop"

# try_lock takes the lock, or sets problem if locking does not work; "" means that another
# daemon holds it. Then flock prints nothing.
try_lock() { problem=$(flock -n 9 2>&1); }

mkdir -p "${lock%/*}" 2>/dev/null
if (: >>"$lock") 2>/dev/null; then
    exec 9>>"$lock"
    if ! try_lock && [ -z "$problem" ]; then
        echo "dindctl: $held" >&2
        echo "$held" >"$waiting"
        until try_lock || [ -n "$problem" ]; do sleep 1; done
        rm -f "$waiting"
    fi
else
    problem="cannot write $lock"
fi
if [ -n "$problem" ]; then
    echo "dindctl: the data root cannot be locked ($problem): make sure that no other daemon uses it" >&2
fi
