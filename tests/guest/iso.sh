#!/bin/bash
# SPDX-License-Identifier: MIT
# Is the ISO the same, byte for byte, whoever builds it when and where; small
# enough; and damaged media refused?
# usage: iso.sh GUEST_ELF iso ISO LOADER BOOTX64_EFI MAKE_ISO
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
iso=$3 loader=$4 efi=$5 make_iso=$6

# build OUT
build() {
	"$make_iso" "$1" "$loader" "$elf" "$efi" xorriso mformat mcopy ||
		fail "cannot build the ISO"
}

unset SOURCE_DATE_EPOCH
build "$dir/1.iso"
sleep 1.1
(
	umask 077
	mkdir "$dir/elsewhere"
	TMPDIR=$dir/elsewhere TZ=Asia/Tokyo LC_ALL=C.UTF-8 build "$dir/2.iso"
)
cmp "$dir/1.iso" "$iso" || fail "another build gives another ISO"
cmp "$dir/2.iso" "$iso" || fail "another time and place give another ISO"
SOURCE_DATE_EPOCH=1600000000 build "$dir/3.iso"
! cmp -s "$dir/3.iso" "$iso" || fail "SOURCE_DATE_EPOCH changes nothing"

[ "$(stat -c %s "$loader")" -eq 2048 ] || fail "the loader is not 2 KiB"
[ "$(stat -c %s "$iso")" -le 2097152 ] || fail "the ISO is over 2 MiB"
stat -c '%n %s' "$elf" "$efi" "$iso" "$loader" | sed 's#.*/##'

# refuses SENTENCE QEMU_OPTION... - what the loader says on COM1.
refuses() {
	local sentence=$1 i

	shift
	command -v qemu-system-x86_64 >/dev/null || skip "no qemu-system-x86_64"
	qemu-system-x86_64 -accel tcg -nodefaults -display none \
		-serial "file:$dir/said" "$@" 2>"$dir/stderr" &
	qemu_pid=$!
	for ((i = 0; i < 300; i++)); do
		! grep -sq "vmferry: $sentence" "$dir/said" || break
		sleep 0.1
	done
	kill "$qemu_pid"
	wait "$qemu_pid"
	qemu_pid=
	grep "vmferry: $sentence" "$dir/said" ||
		fail "the loader does not say '$sentence' but $(cat "$dir/said")"
}

stick="-drive if=none,id=s,format=raw,file=$dir/bad.iso -device qemu-xhci
	-device usb-storage,drive=s"
# shellcheck disable=SC2086 # words
{
	refuses 'this CPU has no 64-bit mode' -cpu pentium3 -cdrom "$iso"
	cp "$iso" "$dir/bad.iso"
	printf 'XX' | dd of="$dir/bad.iso" bs=1 seek=$((17 * 2048 + 7)) \
		conv=notrunc status=none
	refuses 'this disk has no boot catalog' -cpu max $stick
	# A CD that ends behind the loader (sector 34). Of a stick SeaBIOS guesses
	# the geometry by its partitions, and may read nothing at all.
	head -c $((36 * 2048)) "$iso" >"$dir/bad.iso"
	refuses 'cannot read the disk' -cpu max -cdrom "$dir/bad.iso"
	# Behind the loader, whose file the ISO has as it is.
	at=$(LC_ALL=C grep -abo $'\x7fELF' "$iso" |
		while IFS=: read -r at _; do
			[ $((at % 2048)) -ne 0 ] || echo "$at"
		done | head -n 1)
	cp "$iso" "$dir/bad.iso"
	printf 'XX' | dd of="$dir/bad.iso" bs=1 seek="$at" conv=notrunc \
		status=none
	refuses 'the guest on this disk is damaged' -cpu max \
		-cdrom "$dir/bad.iso"
}
