#!/bin/sh
# Turns extracted Debian packages into a root file system like that of the
# official image, which is Alpine: /bin/sh and most programs are BusyBox, and
# only what the official image has is there.
#
#   alpine.sh DIRECTORY
set -eu
cd "$1"

# What the packages' own scripts do where packages are installed.
for directory in bin sbin lib lib64; do
	[ ! -d "usr/$directory" ] || [ -e "$directory" ] || ln -s "usr/$directory" "$directory"
done
mkdir -p dev proc sys run root var
chmod 700 root
[ -e var/run ] || ln -s ../run var/run
cat usr/share/ca-certificates/mozilla/*.crt > etc/ssl/certs/ca-certificates.crt
printf '%s\n' root:x:0:0:root:/root:/bin/sh nobody:x:65534:65534:nobody:/:/sbin/nologin > etc/passwd
printf '%s\n' root:x:0: docker:x:2375: nobody:x:65534: > etc/group
echo 'hosts: files dns' > etc/nsswitch.conf
echo 'PRETTY_NAME="BusyBox with libraries of Debian"' > etc/os-release

# wanted PROGRAM reports whether the official image has a program that is not
# BusyBox's. Debian's BusyBox lacks some of Alpine's: here they are Debian's.
wanted() {
	case $1 in
	busybox | getent | tini-static) ;;
	git | git-* | scp | sftp | ssh | ssh-* | openssl) ;;
	xz | unxz | xzcat | pigz | unpigz) ;;
	iptables-* | ip6tables-* | xtables-*) ;;
	comm | flock | mountpoint | nice | nohup | split) ;;
	*) return 1 ;;
	esac
}
for program in usr/bin/* usr/sbin/*; do
	wanted "${program##*/}" || rm "$program"
done

for applet in $(chroot . busybox --list); do
	case $applet in
	dpkg* | rpm* | ar) ;;
	*) [ -e "usr/bin/$applet" ] || ln -s busybox "usr/bin/$applet" ;;
	esac
done
for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
	ln -s xtables-nft-multi "usr/sbin/$name"
done
# Like musl's.
# shellcheck disable=SC2016
printf '%s\n' '#!/bin/sh' 'exec /lib*/ld-linux*.so.* --list "$@"' > usr/bin/ldd
chmod 755 usr/bin/ldd
