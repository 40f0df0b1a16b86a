# shellcheck shell=sh
# Answers one request to the registry. The layer that never ends stops half-way,
# and nothing that is pushed is ever taken. Both wait until the client has gone, or, as a
# proxy does, for a minute: Engine 26 does not end the upload of a client that has gone.

answer() {
	printf 'HTTP/1.1 %s\r\nConnection: close\r\n' "$1"
	shift
	printf '%s\r\n' "$@" ''
}
hold() {
	echo "holding $method $path" >&2
	timeout 60 cat >/dev/null
}

first=$(dd bs=1 count=1 2>/dev/null)
case $first in
[A-Z]) ;;
*)
	answer '400 Bad Request' # TLS
	exit
	;;
esac
read -r method path _
method=$first$method
while read -r header && [ ${#header} -gt 1 ]; do :; done
file=${path##*/}
case $method/$path in
POST/*) answer '202 Accepted' 'Location: /v2/uploads/1' 'Docker-Upload-UUID: 1' 'Content-Length: 0' ;;
PUT/* | PATCH/*) hold ;;
*/v2/) answer '200 OK' 'Content-Length: 0' ;;
*)
	if [ ! -f "$file" ]; then
		answer '404 Not Found' 'Content-Length: 0'
		exit
	fi
	type=application/octet-stream
	case $path in */manifests/*) type=application/vnd.oci.image.manifest.v1+json ;; esac
	answer '200 OK' "Content-Type: $type" "Content-Length: $(wc -c <"$file")" \
		"Docker-Content-Digest: sha256:$(sha256sum "$file" | cut -c 1-64)"
	if [ "$method" = HEAD ]; then
		:
	elif [ "$file" = "$(cat held)" ]; then
		head -c 1000000 "$file"
		hold
	else
		cat "$file"
	fi
	;;
esac
