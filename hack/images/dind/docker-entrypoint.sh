#!/bin/sh
# Does for the client what the entrypoint of the official image does: flags and
# subcommands of docker go to docker, everything else runs as it is, and without
# a socket the daemon is expected in a container named docker.
set -eu

has_client_certificates() {
	[ -n "${DOCKER_TLS_CERTDIR:-}" ] && [ -s "$DOCKER_TLS_CERTDIR/client/ca.pem" ] &&
		[ -s "$DOCKER_TLS_CERTDIR/client/cert.pem" ] && [ -s "$DOCKER_TLS_CERTDIR/client/key.pem" ]
}

if [ $# -eq 0 ]; then
	set -- sh
elif [ "${1#-}" != "$1" ] || docker help "$1" > /dev/null 2>&1; then
	set -- docker "$@"
fi

if [ -z "${DOCKER_HOST:-}" ] && [ ! -S /var/run/docker.sock ]; then
	export DOCKER_HOST=tcp://docker:2375
	if has_client_certificates || [ -n "${DOCKER_TLS_VERIFY:-}" ]; then
		export DOCKER_HOST=tcp://docker:2376
	fi
fi

case ${DOCKER_HOST:-} in tcp:*)
	if [ -z "${DOCKER_TLS_VERIFY:-}${DOCKER_CERT_PATH:-}" ] && has_client_certificates; then
		export DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH="$DOCKER_TLS_CERTDIR/client"
	fi
	;;
esac

exec "$@"
