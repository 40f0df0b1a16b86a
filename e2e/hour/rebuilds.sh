# shellcheck shell=sh
# Rebuilds one tag twenty times, and builds three images without a tag.

build() {
	source=$1
	shift
	printf 'FROM %s\nCOPY <<END /source\n%s\nEND\n' "$BASE" "$source" | docker build --quiet "$@" -
}
for n in $(seq 4); do build "$HOUR, commit $n" --tag "rebuilt:$HOUR"; done
for n in 1 2 3; do build "$HOUR, check $n"; done
