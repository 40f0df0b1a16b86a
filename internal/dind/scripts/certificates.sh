# shellcheck shell=sh disable=SC2154 # images.sh sets the variables
# How long the certificates of TLS are valid: that of the client, which the pod mounts, and
# that which the daemon has loaded. prune.sh sources it after images.sh.

# seconds_left prints for how many seconds a certificate on standard input is valid;
# nothing if that is unknown.
seconds_left() {
    openssl x509 -noout -enddate 2>/dev/null | sed 's/^notAfter=//' | awk -v now="$(date +%s)" "$time_awk"'
        { month = (index("JanFebMarAprMayJunJulAugSepOctNovDec", $1) + 2) / 3 }
        month >= 1 && NF >= 4 { printf "%.0f", epoch(sprintf("%04d-%02d-%02dT%sZ", $4, month, $2, $3)) - now }'
}

# of_daemon prints the certificate of the daemon.
of_daemon() {
    timeout 30 openssl s_client -connect "${DOCKER_HOST#tcp://}" -CAfile "$DOCKER_CERT_PATH/ca.pem" \
        -cert "$DOCKER_CERT_PATH/cert.pem" -key "$DOCKER_CERT_PATH/key.pem" </dev/null 2>/dev/null
}

# check_certificates prints for how many days each certificate is valid, and sets expiring
# if one is valid for fewer than $1 days.
check_certificates() {
    expiring=
    command -v openssl >/dev/null 2>&1 || { echo "it is unknown when the certificates expire: the image has no openssl"; return; }
    cp "$DOCKER_CERT_PATH/cert.pem" /tmp/client.pem
    of_daemon >/tmp/daemon.pem
    for whose in client daemon; do
        left=$(seconds_left <"/tmp/$whose.pem")
        [ -n "$left" ] || { echo "it is unknown when the certificate of the $whose expires"; continue; }
        days=$((left / 86400))
        echo "the certificate of the $whose is valid for another $days days"
        [ "$days" -ge "$1" ] || expiring="$expiring${expiring:+, }the certificate of the $whose expires in $days days"
    done
}
