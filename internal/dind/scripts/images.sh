# shellcheck shell=sh
# What "used" means for images. prune.sh and guard.sh source this file; the preview in
# internal/daemon applies the same rule.
#
# An image was used when it was built, tagged, pulled, loaded, pushed, started as a
# container, or built upon. The daemon reports only when it was created and last tagged
# (every build tags its image, even if it is fully cached) and which images contain its
# layers. guard.sh notes the rest.
#
# POSIX sh only: Alpine images have BusyBox ash, Debian images have dash.

# A daemon that hangs in one request must not hold up the caller for ever.
docker() { timeout "${docker_time:-300}" docker "$@"; }

image_format='I|{{.Id}}|{{.Created}}|{{json .Metadata.LastTagTime}}|{{range .RepoTags}}{{.}},{{end}}|{{range .RootFS.Layers}}{{.}},{{end}}|{{range .RepoDigests}}{{.}},{{end}}'

# Functions for awk: epoch converts a time as docker prints it to seconds since 1970
# (0: unknown), seconds converts a Go duration. note keeps the last use of each name, of
# lines E|seconds since 1970|name; a broken line counts for nothing, and a time to come as
# now.
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
}
function note(time, name) {
    if (time !~ /^[0-9]+$/) return
    if (time + 0 > now) time = now
    if (time + 0 > noted[name]) noted[name] = time + 0
}
$1 == "N" { now = epoch($2) }
$1 == "E" { note($2, $3) }'

# in_seconds converts a Go duration.
in_seconds() { awk "$time_awk"'BEGIN { printf "%.0f", seconds(ARGV[1]); exit }' "$1"; }

# present_images lists the images, before the uses are read: one that comes later is new,
# even if its publisher made it long ago. Its argument is a directory for this and the files
# of list_images.
#
# With -a: since 29.0 the client hides images without tags otherwise.
present_images() { docker image ls -a --no-trunc --format '{{.ID}}|{{.Repository}}:{{.Tag}}' >"$1/present" || rm -f "$1/present"; }

# read_images reads the images of present_images. With many images each request takes long,
# so what is known of one that has the same tags as before is not read again.
read_images() {
    touch "$1/images"
    true >"$1/ids"
    awk -F '|' -v ids="$1/ids" '
        function same(id, list,   n, i, names) {
            n = list == "" ? 0 : split(list, names, ",") - 1
            for (i = 1; i <= n; i++) if (!((id "|" names[i]) in tagged)) return 0
            return n == tags[id] + 0
        }
        FILENAME == ARGV[1] {
            present[$1]
            if ($2 !~ /<none>/ && !(($1 "|" $2) in tagged)) { tagged[$1 "|" $2]; tags[$1]++ }
            next
        }
        $2 in present && same($2, $5) { print; delete present[$2] }
        END { for (id in present) print id >ids }' "$1/present" "$1/images" >"$1/known"
    # Ignore errors: images may have been removed since.
    sort "$1/ids" | xargs -r -n 100 timeout 300 docker image inspect --format "$image_format" >>"$1/known" 2>/dev/null
    mv "$1/known" "$1/images"
}

# list_images prints the images of present_images, least recently used first: the seconds
# since the last use by the daemon's clock (-1: unknown), the ID, the tags, the digests, and
# "busy" if a container has it. Its arguments are the directory and a file with the uses that
# guard.sh noted.
list_images() {
    [ -e "$1/present" ] && docker info --format 'N|{{.SystemTime}}' >"$1/facts" && docker ps -aq --no-trunc >"$1/containers" || return 1
    # Ignore errors: containers may have been removed since.
    xargs -r -n 100 timeout 300 docker inspect --format 'C|{{.Image}}' <"$1/containers" >>"$1/facts" 2>/dev/null
    read_images "$1"
    cat "$1/facts" "$2" "$1/images" 2>/dev/null | awk -F '|' "$time_awk"'
        # layer returns the number of the last of some layers, which stands for all of
        # them in this order, and makes each as recently used as the image.
        function layer(list, time,   n, i, parts, key, last) {
            n = split(list, parts, ",")
            for (i = 1; i < n; i++) {
                key = last "," parts[i]
                if (!(key in numbers)) numbers[key] = ++count
                last = numbers[key]
                if (time > latest[last]) latest[last] = time
            }
            return last
        }
        $1 == "C" { busy[$2] = "busy" }
        $1 == "I" {
            id[++n] = $2; tags[n] = $5; digests[n] = $7
            used[n] = epoch($3)
            if (epoch($4) > used[n]) used[n] = epoch($4)
            names = split($5 $7 $2, name, ",")
            for (i = 1; i <= names; i++) if (noted[name[i]] > used[n]) used[n] = noted[name[i]]
            if ($2 in busy) used[n] = now
            top[n] = layer($6, used[n])
        }
        END {
            for (a = 1; a <= n; a++) {
                if (latest[top[a]] > used[a]) used[a] = latest[top[a]]
                print (used[a] > 0 ? now - used[a] : -1) "|" id[a] "|" tags[a] "|" digests[a] "|" busy[id[a]]
            }
        }' | sort -t '|' -k 1,1nr -k 2
}

# unused_images prints those of list_images on standard input that can go: no container has
# them, and nobody used them for $1 seconds.
unused_images() { awk -F '|' -v oldest="$1" '$1 >= oldest && $1 >= 0 && $5 == ""'; }

# remove_images removes the images on standard input, given the directory of list_images. It
# skips those that were tagged or removed since they were read, and forgets what it knew of
# them. It forces nothing, so that the daemon keeps an image that a container uses.
remove_images() {
    cut -d '|' -f 2 | xargs -r timeout 300 docker image inspect --format "$image_format" >"$1/again" 2>/dev/null
    [ -s "$1/again" ] || return 0
    grep -xFf "$1/again" "$1/images" >"$1/going"
    awk -F '|' 'FILENAME == ARGV[1] { read[$2]; next } !($2 in read)' "$1/again" "$1/images" >"$1/known"
    mv "$1/known" "$1/images"
    # One tag removes a digest of the same repository as well, so errors say nothing.
    awk -F '|' '{ print ($5 $7 == "" ? $2 : $5 $7) }' "$1/going" | tr ',' '\012' | grep . |
        xargs -r timeout 300 docker image rm >/dev/null 2>&1
    cut -d '|' -f 2 "$1/going" | xargs -r timeout 300 docker image inspect --format '{{.Id}}' >"$1/left" 2>/dev/null
    awk -F '|' 'FILENAME == ARGV[1] { left[$1]; next }
        !($2 in left) { names = $5 == "" ? $7 : $5; gsub(/,/, " ", names); sub(/ $/, "", names); print "removed image " (names == "" ? $2 : names) }' "$1/left" "$1/going"
}

# forgets_cache reports whether the daemon forgets more build cache than a prune of it removes:
# with containerd's image store, all that was built on images that were pulled. It looks for
# the cache's results with a request that has ended, so those whose base it has to look up
# seem to be gone (Prune in control/control.go of BuildKit, 0.13 to 0.33). The builder's own
# garbage collection has no such fault.
forgets_cache() {
    case $(docker info --format '{{.DriverStatus}}' 2>/dev/null) in *io.containerd.snapshotter*) ;; *) return 1 ;; esac
}

# keep_flag prints the flag of docker builder prune for the size to keep, which buildx 0.17
# renamed.
keep_flag() {
    case $(docker builder prune --help 2>&1) in
    *--reserved-space*) echo --reserved-space ;;
    *) echo --keep-storage ;;
    esac
}
