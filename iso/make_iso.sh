#!/bin/sh
# SPDX-License-Identifier: MIT
# The hybrid ISO: BIOS and UEFI, from a CD and from a USB stick. The same inputs
# give the same bytes.
# usage: make_iso.sh OUT BIOS_LOADER GUEST_ELF BOOTX64_EFI XORRISO MFORMAT MCOPY
set -e
out=$1 loader=$2 guest=$3 efi=$4 xorriso=$5 mformat=$6 mcopy=$7

# Every time stamp, and the volume's UUID.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1700000000}
TZ=UTC LC_ALL=C
export SOURCE_DATE_EPOCH TZ LC_ALL
umask 022

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/tree"

# What the BIOS loads: the loader, and behind it the guest.
cat "$loader" "$guest" >"$dir/tree/bios.bin"
cp "$guest" "$dir/tree/guest.elf"

# What UEFI looks for: a FAT file system, here of 720 KiB.
mkdir -p "$dir/EFI/BOOT"
cp "$efi" "$dir/EFI/BOOT/BOOTX64.EFI"
find "$dir/tree" "$dir/EFI" -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
"$mformat" -i "$dir/efi.img" -C -f 720 -N 0 -v VMFERRY ::
"$mcopy" -i "$dir/efi.img" -s -m "$dir/EFI" ::

# The stick's MBR is the loader too. UEFI finds the FAT file system on a CD by
# the boot catalog and on a stick by the partition table.
"$xorriso" -as mkisofs -quiet -r -V VMFERRY \
	-o "$dir/out.iso" \
	-G "$loader" --mbr-force-bootable -partition_offset 0 \
	-append_partition 2 0xef "$dir/efi.img" \
	-c boot.cat \
	-b bios.bin -no-emul-boot -boot-load-size 4 -boot-info-table \
	-eltorito-alt-boot \
	-e --interval:appended_partition_2:all:: -no-emul-boot \
	"$dir/tree" >"$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 1; }
bytes=$(stat -c %s "$dir/out.iso")
if [ "$bytes" -gt 2097152 ]; then
	echo "make_iso.sh: the ISO has $bytes bytes; 2 MiB are allowed" >&2
	exit 1
fi
mv "$dir/out.iso" "$out"
