# shellcheck shell=sh
# A CI job that loads IMAGES images. No two of them share a layer.

set -eu
mkdir /tmp/images
cd /tmp/images
n=0
while [ "$n" -lt "$IMAGES" ]; do
    n=$((n + 1))
    echo "$n" >file
    tar -cf "$n.tar" file
done
sha256sum [0-9]*.tar | awk -v architecture="$(docker version --format '{{.Server.Arch}}')" '
    {
        n = $2
        sub(/[.]tar/, "", n)
        file = n ".json"
        printf "{\"architecture\":\"%s\",\"os\":\"linux\",\"created\":\"2026-01-01T00:00:00Z\",\"config\":{},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:%s\"]}}", architecture, $1 >file
        close(file)
        manifest = manifest (NR == 1 ? "" : ",") sprintf("{\"Config\":\"%s\",\"RepoTags\":[\"many:%d\"],\"Layers\":[\"%s\"]}", file, n, $2)
    }
    END { printf "[%s]", manifest >"manifest.json" }'
tar -cf - ./*.json ./[0-9]*.tar | docker load --quiet >/dev/null
