# shellcheck shell=sh
# Functions for images, which prune.sh and guard.sh source.
#
# POSIX sh only: Alpine images have BusyBox ash, Debian images have dash.

image_format='I|{{.Id}}|{{.Created}}|{{json .Metadata.LastTagTime}}|{{range .RepoTags}}{{.}},{{end}}|{{range .RootFS.Layers}}{{.}},{{end}}'

# Functions for awk: epoch converts a time as docker prints it to seconds since 1970
# (0: unknown), seconds converts a Go duration.
time_awk='
function epoch(s,   y, m, d, t, zone) {
    gsub(/"/, "", s)
    if (s !~ /^[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T/) return 0
    y = substr(s, 1, 4) + 0; m = substr(s, 6, 2) + 0; d = substr(s, 9, 2) + 0
    if (y < 1970) return 0
    if (m <= 2) { y--; m += 12 }
    t = (365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * (m - 3) + 2) / 5) + d - 719469) * 86400
    t += substr(s, 12, 2) * 3600 + substr(s, 15, 2) * 60 + substr(s, 18, 2)
    if (match(s, /[+-][0-9][0-9]:[0-9][0-9]$/)) {
        zone = substr(s, RSTART + 1, 2) * 3600 + substr(s, RSTART + 4, 2) * 60
        t += substr(s, RSTART, 1) == "+" ? -zone : zone
    }
    return t
}
function seconds(s,   n, v, unit) {
    unit["h"] = 3600; unit["m"] = 60; unit["s"] = 1; unit["ms"] = 0.001
    while (match(s, /^[0-9.]+/)) {
        v = substr(s, 1, RLENGTH); s = substr(s, RLENGTH + 1)
        match(s, /^[^0-9.]*/)
        n += v * unit[substr(s, 1, RLENGTH)]; s = substr(s, RLENGTH + 1)
    }
    return n
}'

# list_images prints the images that no container uses, least recently used first: the
# seconds since the last use by the daemon's clock, the ID, and the tags. Its arguments
# are a directory for temporary files and a file with recorded uses: E|seconds since
# 1970|ID or tag.
#
# The daemon does not report when an image was used, but when it was created and last
# tagged. Every build tags its image, even if it is fully cached. An image that is built
# FROM another contains the other's layers and counts as a use of it.
list_images() {
    {
        docker info --format 'N|{{.SystemTime}}' && docker ps -aq --no-trunc >"$1/containers" &&
            docker image ls -q --no-trunc >"$1/ids"
    } >"$1/facts" || return 1
    # Ignore errors: containers and images may have been removed since.
    xargs -r -n 100 docker inspect --format 'C|{{.Image}}' <"$1/containers" >>"$1/facts" 2>/dev/null
    sort -u "$1/ids" | xargs -r -n 100 docker image inspect --format "$image_format" >"$1/images" 2>/dev/null
    cat "$1/facts" "$2" "$1/images" | awk -F '|' "$time_awk"'
        $1 == "N" { now = epoch($2) }
        $1 == "C" { busy[$2] = 1 }
        $1 == "E" && $2 > noted[$3] { noted[$3] = $2 }
        $1 == "I" {
            id[++n] = $2; tags[n] = $5; layers[n] = $6
            used[n] = epoch($3)
            if (epoch($4) > used[n]) used[n] = epoch($4)
            count = split($5 $2, names, ",")
            for (i = 1; i <= count; i++) if (noted[names[i]] > used[n]) used[n] = noted[names[i]]
            if ($2 in busy) used[n] = now
        }
        END {
            for (a = 1; a <= n; a++)
                for (b = 1; b <= n; b++)
                    if (used[b] > used[a] && layers[a] != "" && index(layers[b], layers[a]) == 1) used[a] = used[b]
            for (a = 1; a <= n; a++)
                if (used[a] > 0 && !(id[a] in busy)) print now - used[a] "|" id[a] "|" tags[a]
        }' | sort -t '|' -k 1,1nr -k 2
}

# remove_image removes an image that list_images printed, given the same directory, ID
# and tags. It skips an image that was tagged since. It does not force the removal, so
# that the daemon keeps an image that a container uses.
remove_image() {
    docker image inspect --format "$image_format" "$2" >"$1/again" 2>/dev/null </dev/null || return 1
    grep -qxFf "$1/again" "$1/images" || return 1
    names=$(echo "$3" | tr ',' ' ')
    # shellcheck disable=SC2086 # one word per name
    docker image rm ${names:-$2} >"$1/removed" 2>&1 </dev/null || return 1
    echo "removed image ${names:-$2}"
}
