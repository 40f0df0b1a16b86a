# shellcheck shell=sh
# Startup probe: exits with 0 as soon as the daemon responds at the address $1.
#
# It polls every 100 ms, so that the pod is ready sooner than with the probe's period of
# at least a second. It exits before the probe's timeout, so that its message is shown.

tries=0
while [ "$tries" -lt 400 ]; do
    # The daemon opens the socket before its port. Testing it is cheaper than starting
    # the client.
    [ -S /var/run/docker.sock ] && docker -H "$1" version >/dev/null 2>&1 && exit 0
    tries=$((tries + 1))
    sleep 0.1
done
echo "the Docker daemon is not responding at $1 yet"
exit 1
