# shellcheck shell=sh
# Gives the daemon, and the builder in it, the authorities and mirrors of registries.
# start.sh sources it.
#
# It copies the files instead of mounting them, so that those that an image has for the
# same or other registries stay.

for file in /etc/dindctl/registry-*; do
    [ -f "$file" ] || continue
    host=${file##*/registry-}
    host=${host#*.}
    host=$(echo "${host%.*}" | tr _ :)
    case $file in
    *.crt) name=dindctl.crt ;;
    *) name=hosts.toml ;;
    esac
    mkdir -p "/etc/docker/certs.d/$host" && cp "$file" "/etc/docker/certs.d/$host/$name" ||
        echo "dindctl: the daemon does not get $name of the registry $host" >&2
done
