# shellcheck shell=sh disable=SC2154 # images.sh sets the variables
# What jobs leave behind besides images: containers, the builders of docker buildx create,
# and volumes. prune.sh and guard.sh source this file after images.sh; the preview in
# internal/daemon applies the same rule.
#
# Each function takes a file with the uses that guard.sh noted and a number of seconds,
# removes what was not used for that long, and prints what it removed.
#
# POSIX sh only: Alpine images have BusyBox ash, Debian images have dash.

# A container with this label stays, whatever its age.
keep='{{range $key, $value := .Config.Labels}}{{if eq $key "dindctl.keep"}}keep{{end}}{{end}}'

# unused prints, least recently used first, the age, ID and name of those objects on
# standard input that were not used for $2 seconds, by the file of uses $1. Its input is
# lines L|ID|name of noted uses|time|time|why it stays|name.
unused() {
    { docker info --format 'N|{{.SystemTime}}' </dev/null && cat "$1" 2>/dev/null; cat; } | awk -F '|' -v oldest="$2" "$time_awk"'
        $1 == "L" && $6 == "" {
            used = epoch($4)
            if (epoch($5) > used) used = epoch($5)
            if ($3 != "" && noted[$3] > used) used = noted[$3]
            sub(/^\//, "", $7)
            if (now > 0 && used > 0 && now - used >= oldest) print now - used "|" $2 "|" $7
        }' | sort -t '|' -k 1,1nr -k 2
}

# describe prints the containers or volumes on standard input in a format. Those that were
# removed since are left out.
describe() { xargs -r -n 100 timeout 300 docker "$@" 2>/dev/null; }

# remove_stopped removes stopped containers. The last use is when it stopped.
remove_stopped() {
    docker ps -aq --no-trunc --filter status=created --filter status=exited --filter status=dead |
        describe inspect --format "L|{{.Id}}||{{.Created}}|{{.State.FinishedAt}}|$keep|{{.Name}}" |
        grep -v '|/buildx_buildkit_[^|]*$' | unused "$@" |
        while IFS='|' read -r _ id name; do
            docker rm "$id" >/dev/null 2>&1 </dev/null && echo "removed container $name"
        done
}

# remove_running removes running containers that were created that long ago: one that
# crashes and restarts for ever is as old as its first start. Builders have their own rule.
remove_running() {
    docker ps -q --no-trunc | describe inspect --format "L|{{.Id}}||{{.Created}}||$keep|{{.Name}}" |
        grep -v '|/buildx_buildkit_[^|]*$' | unused /dev/null "$2" |
        while IFS='|' read -r _ id name; do
            docker rm -f -v "$id" >/dev/null 2>&1 </dev/null && echo "removed running container $name"
        done
}

# remove_builders removes builders of docker buildx create, with their state: a container
# that runs until it is removed, and a volume with its build cache. A client that
# builds has an exec open in the container.
remove_builders() {
    docker ps -aq --no-trunc --filter name=^buildx_buildkit_ |
        describe inspect --format "L|{{.Id}}|builder{{.Name}}|{{.Created}}||{{range .ExecIDs}}busy{{end}}$keep|{{.Name}}" | unused "$@" |
        while IFS='|' read -r _ id name; do
            docker rm -f -v "$id" >/dev/null 2>&1 </dev/null && echo "removed builder $name"
            docker volume rm "${name}_state" >/dev/null 2>&1 </dev/null
        done
}

# remove_volumes removes anonymous volumes that no container has, and the state of builders
# that are gone. It never removes other volumes: somebody gave them a name to find them
# again. Engines before 23 do not label anonymous volumes, so they stay.
remove_volumes() {
    docker volume ls -q --filter dangling=true |
        describe volume inspect --format 'L|{{.Name}}|volume/{{.Name}}|{{.CreatedAt}}||{{$stays := "named"}}{{range $key, $value := .Labels}}{{if eq $key "com.docker.volume.anonymous"}}{{$stays = ""}}{{end}}{{end}}{{$stays}}|{{.Name}}' |
        sed 's/^\(L|\(buildx_buildkit_[^|]*\)_state|\)[^|]*|\([^|]*\)||named|/\1builder\/\2|\3|||/' | unused "$@" |
        while IFS='|' read -r _ id _; do
            docker volume rm "$id" >/dev/null 2>&1 </dev/null && echo "removed volume $id"
        done
}
