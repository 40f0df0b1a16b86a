# Startup probe: returns the moment the daemon answers at the address $1.
#
# It waits here, and not by failing once a second, so that the pod is ready
# about 100 ms after the daemon and not up to a whole period later. It gives up
# by itself before the probe's timeout, to leave a readable message behind.

tries=0
while [ "$tries" -lt 400 ]; do
    # The test of the socket is cheap and spares starting the client in vain:
    # the daemon opens the socket before its port.
    [ -S /var/run/docker.sock ] && docker -H "$1" version >/dev/null 2>&1 && exit 0
    tries=$((tries + 1))
    sleep 0.1
done
echo "the Docker daemon does not answer at $1 yet"
exit 1
