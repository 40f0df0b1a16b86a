# shellcheck shell=sh disable=SC2154 # guard.sh sets the variables
# Makes the daemon read its configuration again when its lists of registries have changed:
# only changes of other settings restart the pod. guard.sh sources it. The kubelet updates
# the file within two minutes.
#
# limits.sh keeps in /run/dindctl
#   configured   the file that the daemon has read
#   edit         how the daemon's own configuration is made of it, for sed
reload() {
    # While the daemon starts, there is no file.
    [ -s /run/dindctl/configured ] || return 0
    cmp -s /etc/dindctl/daemon.json /run/dindctl/configured && return 0
    cp /etc/dindctl/daemon.json /run/dindctl/configured
    [ ! -s /run/dindctl/edit ] || sed -f /run/dindctl/edit /run/dindctl/configured >/run/dindctl/daemon.json
    kill -HUP "$daemon" && say "the daemon reads its configuration again"
}
