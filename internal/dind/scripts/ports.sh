# shellcheck shell=sh
# Makes Docker choose from DINDCTL_PUBLISH_PORTS (FROM-TO) where a job leaves the port to
# it (docker run -p 80). start.sh sources this file.
#
# Docker chooses from the kernel's range of local ports, which it reads from a file of the
# kernel when it starts. That range itself cannot be the one for jobs: the daemon's own
# connections, such as pulls, would hold ports of it, and a job that publishes such a port
# fails with "address already in use". So Docker gets a file with another range.

if [ -n "${DINDCTL_PUBLISH_PORTS:-}" ]; then
    { printf '%s\t%s' "${DINDCTL_PUBLISH_PORTS%-*}" "${DINDCTL_PUBLISH_PORTS#*-}"; echo; } >/var/run/dindctl-ports
    mount --bind /var/run/dindctl-ports /proc/sys/net/ipv4/ip_local_port_range ||
        echo "dindctl: jobs must name the ports that they publish: Docker does not choose from $DINDCTL_PUBLISH_PORTS" >&2
fi
