#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A Debian kernel with real KVM, made ready to boot in QEMU as a PVH ELF.
# usage: kernel.sh 6.1|6.12 FOLDER
# Leaves in FOLDER: vmlinux, base.cpio (busybox, /init, the modules of KVM) and
# version. Does nothing where they are. Exit code 77: the packages cannot be had.
set -eu
series=$1
folder=$2
here=$(dirname "$(readlink -f "$0")")
case $series in
6.1) pattern='^linux-image-6\.1\.0-[0-9]*-cloud-amd64-unsigned$' ;;
6.12) pattern='^linux-image-6\.12\.[^ ]*-cloud-amd64-unsigned$' ;;
*)
	echo "kernel.sh: takes 6.1 or 6.12, not $series" >&2
	exit 2
	;;
esac

if [ -s "$folder/version" ] && [ "$here/init" -ot "$folder/version" ]; then
	exit 0
fi

cannot()
{
	echo "kernel.sh: $1" >&2
	exit 77
}

for tool in apt-get dpkg-deb lz4 zstd xz; do
	command -v "$tool" >/dev/null || cannot "needs $tool"
done

# The newest of the series that the package lists have.
package=$(apt-cache pkgnames linux-image-6 | grep "$pattern" | sort -V |
	tail -n 1)
[ -n "$package" ] || cannot "no package list has a $series cloud kernel:\
 apt-get update, and have bookworm-security among the sources"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -q -o APT::Sandbox::User=root download "$package" busybox-static \
	>/dev/null 2>&1 || cannot "$package or busybox-static cannot be had"
for deb in ./*.deb; do
	dpkg-deb -x "$deb" .
done

# shellcheck source=tests/lab/unpack.sh
. "$here/unpack.sh"
unpack_vmlinux boot/vmlinuz-* >vmlinux ||
	cannot "the kernel is packed in a way unknown here"

mkdir -p root/bin root/dev root/proc root/sys root/tmp root/modules
cp bin/busybox root/bin/busybox
for tool in sh mount insmod poweroff mkdir cat sleep mv mknod stty; do
	ln -s busybox "root/bin/$tool"
done
cp "$here/init" root/init
chmod +x root/init
for module in irqbypass kvm ccp kvm-amd; do
	file=$(find lib/modules -name "$module.ko*")
	case $file in
	'') ;;
	*.xz) xz -d -c "$file" >"root/modules/$module.ko" ;;
	*) cp "$file" "root/modules/$module.ko" ;;
	esac
done
(cd root && find . | LC_ALL=C sort | ../bin/busybox cpio -o -H newc) \
	>base.cpio 2>/dev/null
mkdir -p "$folder"
cp vmlinux base.cpio bin/busybox "$folder/"
# Last: it says that the others are whole.
echo "${package#linux-image-}" >"$folder/version"
