#!/bin/sh
# Compiles the kernel of the second node in the current directory:
#
#   kernel.sh CONFIG    CONFIG has the options, one on each line; all others are off
#
# The source is that of Debian's package linux-source, extracted into root.
set -eu
options=$(realpath "$1")
mkdir source
tar --extract --xz --file "$(echo root/usr/src/linux-source-*.tar.xz)" --directory source --strip-components 1
cd source
export ARCH=um
make KCONFIG_ALLCONFIG="$options" allnoconfig
missing=$(grep -vxF -f .config "$options" | grep ^CONFIG_ || true)
if [ -n "$missing" ]; then
	echo "this version of Linux does not have, or needs more for:" $missing >&2
	exit 1
fi
make -j "$(nproc)" linux
strip -o ../linux linux
