# shellcheck shell=sh
# A CI job that pushes the image of builds.sh to REGISTRY. It prints how long this took.

set -eu
clock() { cut -d ' ' -f 1 /proc/uptime | tr -d .; }
name=$REGISTRY/bench:$(cat /proc/sys/kernel/random/uuid)
docker tag app:1 "$name"
began=$(clock)
docker push --quiet "$name"
echo "measured: hundredths=$(($(clock) - began)) failed=0"
