# shellcheck shell=sh
# Starts a registry in the daemon, as integration tests do, and pulls an image by
# digest from it. The registry has two images, one with a layer that never ends.

mkdir /tmp/context
cd /tmp/context || exit
echo "$REGISTRY" >serve.sh

# image TAG writes the manifest, configuration and layer of an image, each named
# after its digest.
image() {
	head -c 2000000 /dev/urandom >file
	tar -cf layer file
	layer=$(keep layer)
	cat >config <<END
{"architecture": "$(docker version --format '{{.Server.Arch}}')", "os": "linux", "created": "2026-01-01T00:00:00Z", "config": {},
"rootfs": {"type": "layers", "diff_ids": ["$layer"]}}
END
	size=$(wc -c <config)
	config=$(keep config)
	type=application/vnd.oci.image
	cat >"$1" <<END
{"schemaVersion": 2, "mediaType": "$type.manifest.v1+json",
"config": {"mediaType": "$type.config.v1+json", "size": $size, "digest": "$config"},
"layers": [{"mediaType": "$type.layer.v1.tar", "size": $(wc -c <"$layer"), "digest": "$layer"}]}
END
	cp "$1" manifest
	keep manifest
}
keep() {
	digest=sha256:$(sha256sum "$1" | cut -c 1-64)
	mv "$1" "$digest"
	echo "$digest"
}
image endless
echo "$layer" >held
digest=$(image pinned)
printf 'FROM %s\nCOPY . /registry\nWORKDIR /registry\n' "$BASE" >Dockerfile
docker build --quiet --tag "registry:$HOUR" .
docker run --detach --stop-timeout 1 --name "registry-$HOUR" --publish "127.0.0.1:$REGISTRY_PORT:5000" "registry:$HOUR" \
	nc -ll -p 5000 -e sh serve.sh
docker pull "127.0.0.1:$REGISTRY_PORT/images@$digest"
