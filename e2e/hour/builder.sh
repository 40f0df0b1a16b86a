# shellcheck shell=sh
# Creates a builder, as docker/setup-buildx-action does, and builds with it.

mkdir /tmp/context
cd /tmp/context || exit
head -c 2000000 /dev/urandom >file
printf 'FROM scratch\nCOPY file /file\n' >Dockerfile
docker buildx create --name "builder-$HOUR" --driver docker-container --bootstrap
# On a busy machine buildx gives up before the builder answers.
tries=0
until docker buildx build --builder "builder-$HOUR" --progress=plain --output type=cacheonly . 2>&1; do
	tries=$((tries + 1))
	[ "$tries" -lt 10 ]
done
