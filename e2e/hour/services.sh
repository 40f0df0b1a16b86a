# shellcheck shell=sh
# Starts containers that nobody stops, with named and anonymous volumes.

printf 'FROM %s\nRUN echo %s >/hour\n' "$BASE" "$HOUR" | docker build --quiet --tag "service:$HOUR" -
run() { docker run --stop-timeout 1 "$@"; }
run --detach --name "left-$HOUR" --volume /data "service:$HOUR" sleep 36000
run --detach --name "always-$HOUR" --restart always --volume "always-$HOUR:/data" "service:$HOUR" \
	sh -c 'date >>/data/starts; exec sleep 36000'
run --name "exited-$HOUR" --volume /data "service:$HOUR" sh -c 'head -c 1000000 /dev/urandom >/data/file'
# A container that is removed as most scripts do, without its volume.
run --detach --name "removed-$HOUR" --volume /data "service:$HOUR" sh -c 'head -c 1000000 /dev/urandom >/data/file; sleep 36000'
docker rm --force "removed-$HOUR"
