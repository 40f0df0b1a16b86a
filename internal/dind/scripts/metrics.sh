# shellcheck shell=sh disable=SC2154 # guard.sh sets the variables
# Functions of guard.sh that write what it measures for page.sh, in the text format of
# Prometheus. Without --metrics there is no directory for them, and they do nothing.
# `dindctl status -o prometheus` uses the same names for what both know.

metrics=/run/dindctl/metrics

# gauge NAME HELP VALUE [LABEL], and counter alike, print one metric. Its name begins with
# dindctl_, and it has the installation's name, which is the pod's host name.
gauge() { metric gauge "$@"; }
counter() { metric counter "$@"; }
metric() {
    echo "# HELP dindctl_$2 $3"
    echo "# TYPE dindctl_$2 $1"
    echo "dindctl_$2{name=\"$(hostname)\"${5:+,$5}} $4"
}

# ratio prints a percentage as a fraction of 1.
ratio() { awk -v percent="$1" 'BEGIN { print percent / 100 }'; }

# write_metrics writes the page in one step.
write_metrics() {
    [ -d "$metrics" ] || return 0
    {
        gauge disk_size_bytes "Size of the data root's file system." "$capacity"
        gauge disk_used_bytes "Used space of the data root's file system." "$used"
        [ "$inodes" -eq 0 ] || gauge disk_inodes_used_ratio "Used inodes of the data root's file system." "$(ratio $((100 * (inodes - free_inodes) / inodes)))"
        gauge disk_measured_timestamp_seconds "When image garbage collection last measured the disk." "$(date +%s)"
        [ "$high" = none ] || gauge image_gc_high_water_ratio "The disk usage above which image garbage collection removes images." "$(ratio "$high")"
        counter image_gc_runs_total "Image garbage collections that removed something." "$collections"
        counter image_gc_images_total "Images that image garbage collection removed." "$collected"
        counter image_gc_freed_bytes_total "What the file system gained by image garbage collection." "$reclaimed"
        gauge image_gc_stuck "Whether image garbage collection cannot free enough." "$([ -e "$state/stuck" ] && echo 1 || echo 0)"
        gauge draining "Whether the daemon waits for builds before it stops." "$([ -e /run/dindctl/draining ] && echo 1 || echo 0)"
        sed -n 's/^C|\([0-9]*\)|.*/\1/p' /run/dindctl/limits | while read -r limit; do
            gauge cache_limit_bytes "Limit of the build cache." "$limit"
        done
        awk -F '|' '$1 == "P" && $3 != "" { print $2, $3 }' "$state/prune" | while read -r ended gain; do
            gauge prune_last_end_timestamp_seconds "When the last prune ended." "$ended"
            gauge prune_last_reclaimed_bytes "What the file system gained by the last prune." "$gain"
        done
        expiry=$(certificate_expiry)
        [ -z "$expiry" ] || gauge certificate_expiry_timestamp_seconds "When the certificate expires." "$expiry" 'certificate="server"'
    } >"$metrics/new" 2>/dev/null
    mv "$metrics/new" "$metrics/page"
}

# certificate_expiry prints when the daemon's certificate expires; nothing without TLS.
certificate_expiry() {
    [ -n "${DOCKER_TLS_CERTDIR:-}" ] || return
    openssl x509 -noout -enddate -in "$DOCKER_TLS_CERTDIR/server/cert.pem" | sed 's/.*=//' | awk '{
        # notAfter as in "Dec  1 09:00:00 2027 GMT". The days before March 1 of the year
        # 0, and months from March on, make leap days the last of a year.
        month = (index("JanFebMarAprMayJunJulAugSepOctNovDec", $1) + 2) / 3
        year = month > 2 ? $4 : $4 - 1
        days = 365 * year + int(year / 4) - int(year / 100) + int(year / 400) + int((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + $2 - 719469
        split($3, time, ":")
        printf "%.0f", days * 86400 + time[1] * 3600 + time[2] * 60 + time[3]
    }'
}
