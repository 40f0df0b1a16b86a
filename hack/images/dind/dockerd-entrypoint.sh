#!/bin/sh
# Starts the Docker daemon as the official docker:dind image does:
#
#   no arguments, or only flags   dockerd with the listeners below, then the flags
#   dockerd ...                   exactly that, without added listeners
#   anything else                 docker-entrypoint.sh
#
# DOCKER_TLS_CERTDIR   empty: plain TCP on 2375; a directory: mutual TLS on 2376
#                      with the certificates in it; missing ones are created
# DOCKER_TLS_SAN       more names for the server's certificate: DNS:a,IP:b
# DOCKER_IPTABLES_LEGACY   not empty: use the legacy iptables; empty: never
#
# dind, a script from dockerd's source repository, prepares mounts and cgroups, and then
# starts the daemon.
set -eu

days=825 # the longest validity that common clients accept

# sign KIND NAMES creates a key, and a certificate from the CA in $certs/ca.
sign() {
	kind=$1 names=$2
	usage=serverAuth subject='docker:dind server'
	if [ "$kind" = client ]; then
		usage=clientAuth subject='docker:dind client'
	fi
	mkdir -p "$certs/$kind"
	[ -s "$certs/$kind/key.pem" ] ||
		openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$certs/$kind/key.pem" 2>/dev/null
	openssl req -new -key "$certs/$kind/key.pem" -subj "/CN=$subject" -out "$certs/$kind/csr.pem"
	{
		echo "extendedKeyUsage=$usage"
		[ -z "$names" ] || echo "subjectAltName=$names"
	} > "$certs/$kind/extensions.cnf"
	openssl x509 -req -in "$certs/$kind/csr.pem" -days "$days" \
		-CA "$certs/ca/cert.pem" -CAkey "$certs/ca/key.pem" -CAcreateserial \
		-extfile "$certs/$kind/extensions.cnf" -out "$certs/$kind/cert.pem" 2>/dev/null
	cp "$certs/ca/cert.pem" "$certs/$kind/ca.pem"
	openssl verify -CAfile "$certs/$kind/ca.pem" "$certs/$kind/cert.pem"
}

# server_names prints the names by which a client may reach this daemon.
server_names() {
	names="DNS:localhost,DNS:docker,DNS:$(hostname),IP:127.0.0.1,IP:::1"
	for address in $(ip -o address show scope global | awk '{ sub("/.*", "", $4); print $4 }'); do
		names="$names,IP:$address"
	done
	echo "$names${DOCKER_TLS_SAN:+,$DOCKER_TLS_SAN}"
}

# valid CERTIFICATE reports whether it exists and is valid for another 30 days.
valid() {
	[ -s "$1" ] && openssl x509 -in "$1" -noout -checkend 2592000 > /dev/null
}

certificates() {
	if [ ! -s "$certs/ca/key.pem" ] && [ -s "$certs/server/ca.pem" ] &&
		[ -s "$certs/server/cert.pem" ] && [ -s "$certs/server/key.pem" ]; then
		# Mounted by an installer that keeps the key of its CA elsewhere.
		openssl verify -CAfile "$certs/server/ca.pem" "$certs/server/cert.pem"
		return
	fi
	umask 077
	mkdir -p "$certs/ca"
	[ -s "$certs/ca/key.pem" ] ||
		openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$certs/ca/key.pem" 2>/dev/null
	if ! valid "$certs/ca/cert.pem"; then
		openssl req -new -x509 -key "$certs/ca/key.pem" -days "$days" \
			-subj '/CN=docker:dind CA' -addext 'keyUsage=critical,keyCertSign,cRLSign' -out "$certs/ca/cert.pem"
		rm -f "$certs/client/cert.pem"
	fi
	# The addresses may be different after a restart, so the server's certificate
	# is created again.
	sign server "$(server_names)"
	valid "$certs/client/cert.pem" || sign client ''
	umask 022
	# A client in another container of the pod may run as another user.
	chmod 755 "$certs/client"
	chmod 644 "$certs/client/"*
}

# choose_iptables puts the legacy iptables first in PATH where they are asked for,
# where there are legacy rules already, and where only they work.
choose_iptables() {
	legacy=/usr/local/sbin/.iptables-legacy
	if [ -n "${DOCKER_IPTABLES_LEGACY+set}" ]; then
		[ -n "$DOCKER_IPTABLES_LEGACY" ] || return 0
	elif ! cat /proc/net/ip_tables_names /proc/net/ip6_tables_names /proc/net/arp_tables_names 2>/dev/null | grep -q .; then
		iptables -nL > /dev/null 2>&1 && return
		modprobe nf_tables 2>/dev/null || true
		iptables -nL > /dev/null 2>&1 && return
		modprobe -a ip_tables ip6_tables 2>/dev/null || true
		"$legacy/iptables" -nL > /dev/null 2>&1 || return 0 # neither works: dockerd reports why
	fi
	export PATH="$legacy:$PATH"
}

if [ $# -eq 0 ] || [ "${1#-}" != "$1" ]; then
	socket=unix:///var/run/docker.sock
	case ${DOCKER_HOST:-} in unix://*) socket=$DOCKER_HOST ;; esac
	if [ -n "${DOCKER_TLS_CERTDIR:-}" ]; then
		certs=$DOCKER_TLS_CERTDIR
		certificates
		set -- dockerd --host="$socket" --host=tcp://0.0.0.0:2376 --tlsverify \
			--tlscacert "$certs/server/ca.pem" --tlscert "$certs/server/cert.pem" --tlskey "$certs/server/key.pem" "$@"
	else
		set -- dockerd --host="$socket" --host=tcp://0.0.0.0:2375 "$@"
	fi
fi

if [ "$1" != dockerd ]; then
	exec docker-entrypoint.sh "$@"
fi

# Left by a container that was killed; dockerd would not start.
find /run /var/run -iname 'docker*.pid' -exec rm -f {} +
choose_iptables
iptables --version
exec /usr/local/bin/dind docker-init -- "$@"
