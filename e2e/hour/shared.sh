# shellcheck shell=sh
# Two jobs run this, one after the other, with the same tag, container name, port
# and network.

printf 'FROM %s\nRUN echo %s >/job\n' "$BASE" "$JOB" | docker build --quiet --tag "shared:$HOUR" -
docker run --rm "shared:$HOUR" cat /job
docker network create "shared-$HOUR" || echo "no network for the $JOB job"
docker run --detach --stop-timeout 1 --name "shared-$HOUR" "shared:$HOUR" sleep 36000 ||
	echo "no name for the $JOB job"
docker run --detach --stop-timeout 1 --name "port-$HOUR-$JOB" --publish "$PORT:80" "shared:$HOUR" sleep 36000 ||
	echo "no port for the $JOB job"
