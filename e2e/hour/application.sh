# shellcheck shell=sh
# Builds an application for each of four commits, and runs it. Its dependencies stay the
# same, and each commit adds a layer of 8 MB.

mkdir /tmp/context
cd /tmp/context || exit
cat >Dockerfile <<END
FROM $BASE AS dependencies
RUN echo dependencies are \$(echo downloaded) && head -c 20000000 /dev/urandom >/dependencies
FROM dependencies
COPY source /source
RUN --mount=type=cache,target=/cache date >>/cache/builds && echo "the cache mount has seen \$(wc -l </cache/builds) builds" && head -c 8000000 /dev/urandom >/application
END
for n in 1 2 3 4; do
	echo "$HOUR, commit $n" >source
	docker build --progress=plain --tag "application:$HOUR-$n" . 2>&1
	docker run --rm "application:$HOUR-$n" true
done
