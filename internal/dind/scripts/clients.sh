# shellcheck shell=sh
# Who is connected to the daemon: builds, pushes, pulls and attached containers have a
# connection for as long as they run. drain.sh sources this file, and --when-idle runs it in
# the pod.
#
# POSIX sh only: Alpine images have BusyBox ash, Debian images have dash.

# connections prints a line for each connection to the daemon's port $1: STATE ADDRESS/PORT
# of the client; state 01 is established. /proc has an address as words of four bytes, each
# with its lowest byte first; see proc_net(5).
connections() {
    awk -v port="$(printf ':%04X' "$1")" '
        function value(hex, i, n) {
            for (i = 1; i <= length(hex); i++) n = n * 16 + index("0123456789ABCDEF", substr(hex, i, 1)) - 1
            return n
        }
        function octet(hex, n) { return value(substr(hex, length(hex) - 1 - 2 * n, 2)) }
        $4 != "0A" && substr($2, length($2) - 4) == port {
            split($3, remote, ":")
            address = ""
            if (length(remote[1]) == 8 || remote[1] ~ /^0000000000000000FFFF0000/)
                address = octet(remote[1], 0) "." octet(remote[1], 1) "." octet(remote[1], 2) "." octet(remote[1], 3)
            else for (word = 1; word <= 32; word += 8) {
                four = substr(remote[1], word, 8)
                address = address (word > 1 ? ":" : "") tolower(substr(four, 7, 2) substr(four, 5, 2) ":" substr(four, 3, 2) substr(four, 1, 2))
            }
            print $4, address "/" remote[2]
        }' /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# clients prints the addresses that are connected to the port $1, separated by commas. It
# looks twice: a probe of the kubelet does not last.
clients() {
    first=$(connections "$1")
    case $first in
    *'01 '*) sleep 0.3 ;;
    *) return ;;
    esac
    { echo "$first" && connections "$1"; } | sort | uniq -d | sed -n 's/^01 \(.*\)\/.*/\1/p' | sort -u | paste -s -d , - | sed 's/,/, /g'
}
