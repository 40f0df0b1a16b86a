# shellcheck shell=sh
# Startup probe: exits with 0 as soon as the daemon responds at the address $1.
#
# While start.sh waits for another daemon, the first attempt fails immediately: its message
# becomes an event of the pod, which shows the reason. Then the probe succeeds, because more
# failures would end the container, and the readiness probe takes over.
#
# It polls every 100 ms, so that the pod is ready sooner than with the probe's period of
# at least a second. It exits before the probe's timeout, so that its message is shown.

waiting=/var/run/dindctl-waiting
tries=0
while [ "$tries" -lt 400 ]; do
    if [ -s "$waiting" ] && [ ! -e "$waiting-told" ]; then
        : >"$waiting-told"
        cat "$waiting"
        exit 1
    fi
    # The daemon opens the socket before its port. Testing it is cheaper than starting
    # the client.
    [ -S /var/run/docker.sock ] && docker -H "$1" version >/dev/null 2>&1 && exit 0
    tries=$((tries + 1))
    sleep 0.1
done
[ ! -s "$waiting" ] || exit 0
echo "the Docker daemon is not responding at $1 yet"
exit 1
