#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A kernel driver with migration v2, made ready to boot in QEMU: Debian's 6.12
# kernel with samples/vfio-mdev/mtty.c of its source, built against its headers.
# usage: mtty.sh FOLDER
# Leaves in FOLDER: vmlinux, base.cpio (busybox, /init, modules) and version. Does
# nothing where they are. Exit code 77: something for it cannot be had.
set -eu
folder=$1
here=$(dirname "$(readlink -f "$0")")

if [ -s "$folder/version" ] && [ "$here/mtty_init" -ot "$folder/version" ] &&
	[ "$0" -ot "$folder/version" ]; then
	exit 0
fi

cannot()
{
	echo "mtty.sh: $1" >&2
	exit 77
}

for tool in apt-get dpkg-deb lz4 zstd xz make gcc; do
	command -v "$tool" >/dev/null || cannot "needs $tool"
done

# The newest of which there is all.
image=$(apt-cache pkgnames linux-image-6.12 |
	grep '^linux-image-6\.12\.[0-9]*+deb12-amd64-unsigned$' | sort -V |
	tail -n 1)
[ -n "$image" ] || cannot "no package list has a 6.12 kernel: apt-get update,\
 and have bookworm-security among the sources"
release=${image#linux-image-}
release=${release%-unsigned}
common=${release%-amd64}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -q -o APT::Sandbox::User=root download "$image" linux-source-6.12 \
	"linux-headers-$release" "linux-headers-$common-common" \
	"linux-kbuild-$common" busybox-static >/dev/null 2>&1 ||
	cannot "$image, its headers or its source cannot be had"
for deb in ./*.deb; do
	dpkg-deb -x "$deb" .
	rm "$deb"
done

# The headers know only where they would be installed; and without vmlinux,
# there is no BTF to be made.
src=$work/usr/src
headers=$src/linux-headers-$release
sed -i "s|^include /usr/src/|include $src/|" "$headers/Makefile"
rm -f "$headers/vmlinux"
tar -xf "$src/linux-source-6.12.tar.xz" -C "$work" \
	linux-source-6.12/samples/vfio-mdev/mtty.c
mkdir mtty
mv linux-source-6.12/samples/vfio-mdev/mtty.c mtty/
echo 'obj-m := mtty.o' >mtty/Makefile
make -C "$headers" M="$work/mtty" modules >make.log 2>&1 || {
	tail -n 5 make.log >&2
	cannot "mtty.c cannot be built"
}

# shellcheck source=tests/lab/unpack.sh
. "$here/unpack.sh"
unpack_vmlinux boot/vmlinuz-* >vmlinux || cannot "the kernel cannot be unpacked"

mkdir -p root/bin root/dev root/proc root/sys root/tmp root/modules
cp bin/busybox root/bin/busybox
for tool in sh mount insmod poweroff mkdir cat sleep mv mknod stty readlink; do
	ln -s busybox "root/bin/$tool"
done
cp "$here/mtty_init" root/init
chmod +x root/init
cp mtty/mtty.ko root/modules/
for module in irqbypass vfio vfio_iommu_type1 mdev vfio-pci-core vfio-pci; do
	file=$(find lib/modules -name "$module.ko*")
	[ -z "$file" ] || xz -d -c "$file" >"root/modules/$module.ko"
done
(cd root && find . | LC_ALL=C sort | ../bin/busybox cpio -o -H newc) \
	>base.cpio 2>/dev/null
mkdir -p "$folder"
cp vmlinux base.cpio bin/busybox "$folder/"
# Last: it says that the others are whole.
echo "$release" >"$folder/version"
