# shellcheck shell=sh
# Rebuilds one tag twenty times, and builds three images without a tag.

mkdir /tmp/context && cd /tmp/context
printf 'FROM %s\nCOPY source /source\n' "$BASE" >Dockerfile
for n in $(seq 20); do
	echo "$HOUR, commit $n" >source
	docker build --quiet --tag "rebuilt:$HOUR" .
done
for n in 1 2 3; do
	echo "$HOUR, check $n" >source
	docker build --quiet .
done
