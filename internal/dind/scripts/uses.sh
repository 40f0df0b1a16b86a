# shellcheck shell=sh disable=SC2154 # guard.sh and images.sh set the variables
# How guard.sh notes what jobs use: see the state that it keeps there.
#
# POSIX sh only: Alpine images have BusyBox ash, Debian images have dash.

# follow_events writes events to a file as they happen: the daemon keeps only the last 256,
# which health checks of a few services fill in a minute.
follow_events() {
    since=$1
    began=
    while [ -d "/proc/$daemon" ]; do
        command docker events --since "$since" --filter type=container --filter type=image --filter type=volume \
            --filter event=create --filter event=start --filter event=die --filter event=exec_start \
            --filter event=pull --filter event=load --filter event=import --filter event=tag --filter event=push \
            --filter event=mount --filter event=unmount --filter event=destroy \
            --format '{{.Time}}|{{.Type}}|{{.Actor.ID}}|{{.Actor.Attributes.image}}|{{.Actor.Attributes.name}}|{{.Action}}' 2>/dev/null |
            while IFS= read -r event; do
                case $event in
                *'|volume|dindctl-prune|'*) record_prune "$event" ;;
                *) echo "$event" >>"$work/events" || { mkdir -p "$work" && echo "$event" >>"$work/events"; } ;;
                esac
            done 2>/dev/null
        since=$(date +%s)
        sleep 1
    done
}

# record_prune records what the file system gained during a prune. prune.sh, which runs in
# another pod, creates a volume when it begins and removes it when it ends.
record_prune() {
    measure || return 0
    case $1 in
    *'|create')
        began=$used
        now=$(date +%s)
        note_uses prune 2>/dev/null # prune.sh is about to read them
        ;;
    *'|destroy')
        [ -z "$began" ] || echo "P|$(date +%s)|$((began > used ? began - used : 0))" >"$state/prune"
        began=
        ;;
    esac
}

# note_uses adds the uses of the last minute to the file: the names, and what they mean now,
# because a tag may move to another image. A name without a tag means latest. Its argument
# keeps the files of two callers apart.
note_uses() {
    mv "$work/events" "$work/events.$1" || return 0
    awk -F '|' '
        function name(ref) {
            if (ref == "" || ref == "<no value>") return
            sub(/^(index[.])?docker[.]io\//, "", ref)
            sub(/^library\//, "", ref)
            if (ref ~ /@/) sub(/:[^\/:@]*@/, "@", ref)
            else if (ref !~ /^sha256:/ && ref !~ /:[^\/]*$/) {
                if (ref !~ /[^0-9a-f]/ && length(ref) > 5) print "E|" $1 "|sha256:" ref
                ref = ref ":latest"
            }
            print "E|" $1 "|" ref
        }
        $2 == "image" && $6 ~ /^(create|pull|load|import|tag|push)$/ { name($3) }
        $2 == "container" && $5 ~ /^buildx_buildkit_/ && $6 ~ /^(create|start|exec_start)/ { print "E|" $1 "|builder/" $5 }
        $2 == "container" && $6 ~ /^(create|start|die)$/ { name($4) }
        $2 == "volume" && $6 ~ /^(create|mount|unmount)$/ { print "E|" $1 "|volume/" $3 }' "$work/events.$1" | sort -u >"$work/names.$1"
    grep -v '|[a-z]*/[^:]*$' "$work/names.$1" | cut -d '|' -f 3 | sort -u |
        xargs -r -n 100 timeout 300 docker image inspect --format "$image_format" >"$work/meant.$1" 2>/dev/null
    awk -F '|' -v now="$now" "$time_awk"'
        $1 == "I" {
            time = 0
            count = split($5 $7 $2, names, ",")
            for (i = 1; i <= count; i++) if (noted[names[i]] > time) time = noted[names[i]]
            for (short in noted) if (index($2, short) == 1 && noted[short] > time) time = noted[short]
            if (time > 0) print "E|" time "|" $2
        }' "$work/names.$1" "$work/meant.$1" | cat "$work/names.$1" - >>"$state/uses"
}

# tidy_uses keeps the last use of each name for two months, and of each image for as long
# as it is there. An image of unknown age was used when it is first seen. It writes a new
# file first, because the disk may be full.
tidy_uses() {
    present_images "$work"
    list_images "$work" "$state/uses" >"$work/list" || return 1
    awk -F '|' -v now="$now" "$time_awk"'
        END { for (name in noted) if (noted[name] > now - 5184000) print "E|" noted[name] "|" name }' "$state/uses" >"$work/kept" &&
        awk -F '|' -v now="$now" '{ print "E|" ($1 < 0 ? now : now - $1) "|" $2 }' "$work/list" | cat "$work/kept" - >"$state/new" &&
        mv "$state/new" "$state/uses"
}
