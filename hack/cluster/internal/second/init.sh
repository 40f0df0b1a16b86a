#!/bin/sh
# Process 1 of the second node: a virtual machine whose root file system is this
# machine's, read-only. The kernel's command line sets its variables:
#
# state     the cluster's state directory
# node, address, gateway
set -u
: "${state:?}" "${node:?}" "${address:?}" "${gateway:?}"

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root

mount -t proc proc /proc
mount -t tmpfs -o mode=755 run /run
mkdir -p /run/logs
mount -t hostfs none /run/logs -o "$state/logs"
exec >/run/logs/second-init.log 2>&1 </dev/null

mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm /dev/mqueue
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t mqueue mqueue /dev/mqueue
mount -t cgroup2 none /sys/fs/cgroup

# cover DIRECTORY MODE makes a directory writable, and empty unless the state is in it.
cover() {
	case $state in
	"$1"/*)
		mkdir -p "/run/cover$1/upper" "/run/cover$1/work"
		mount -t overlay -o "lowerdir=$1,upperdir=/run/cover$1/upper,workdir=/run/cover$1/work" overlay "$1"
		;;
	*) mount -t tmpfs -o "mode=$2" tmpfs "$1" ;;
	esac
}
cover /tmp 1777
cover /var 755

# What grows is on the disk.
mount -t ext4 /dev/ubda /mnt
for point in /var/lib/kubelet /var/log/pods /tmp/hostpath_pv; do
	mkdir -p "$point" "/mnt$point"
	mount --bind "/mnt$point" "$point"
done
mkdir -p /var/lib/cni /var/log/containers /mnt/containerd
mount --make-rshared /

# kubelet exits unless it finds the speed of the clock.
{ cat /proc/cpuinfo; echo 'cpu MHz : 2000.000'; } >/run/cpuinfo
mount --bind /run/cpuinfo /proc/cpuinfo

echo "$node" >/proc/sys/kernel/hostname
ip link set lo up
ip link set vec0 up
ip address add "$address/30" dev vec0
ip route add default via "$gateway"
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables

# supervise NAME PROGRAM ... runs a program, and runs it again when it exits.
supervise() {
	name=$1
	shift
	while :; do
		"$@"
		echo "$name exited with $?"
		sleep 1
	done >"/run/logs/second-$name.log" 2>&1 &
}

. "$state/second/programs"
wait
