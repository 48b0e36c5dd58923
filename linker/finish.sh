#!/bin/sh
# SPDX-License-Identifier: MIT
# The image to ship: its segments alone, and marked as what it is, position
# independent. ld calls a PIE that is linked at an address ET_EXEC. Names and
# sections stay in the file it is made from: nobody who loads it needs them.
# The cold segment (linker/guest.ld) is packed.
# usage: finish.sh OBJCOPY XZ BRANCHES IN OUT
set -e
xz=$2
branches=$3
out=$5
"$1" --strip-all "$4" "$out"

# number OFFSET BYTES: a little-endian number in the file.
number() {
	od -An -tu"$2" -j"$1" -N"$2" "$out" | tr -d ' '
}

# patch OFFSET: standard input goes there.
patch() {
	dd of="$out" bs=1 seek="$1" conv=notrunc status=none
}

# word NUMBER: as 4 bytes, little-endian.
word() {
	for shift in 0 8 16 24; do
		# shellcheck disable=SC2059 # the format is the byte
		printf "\\$(printf '%03o' $(($1 >> shift & 255)))"
	done
}

# pack AT: the segment of the program header at AT, which is the file's last.
# A struct cold_header, then the bytes; in memory they lie in the spare room.
pack() {
	offset=$(number $(($1 + 8)) 8)
	raw=$(number $(($1 + 32)) 8)
	[ $((raw * 2)) -le "$(number $(($1 + 40)) 8)" ]
	tail -c +$((offset + 1)) "$out" | head -c "$raw" >"$out.raw"
	"$branches" <"$out.raw" >"$out.turned"
	"$xz" --format=raw --lzma1=preset=9e,lc=3,lp=0,pb=0 -c "$out.turned" \
		>"$out.packed"
	check=$(cksum <"$out.raw")
	packed=$(wc -c <"$out.packed")
	[ $((packed + 16)) -lt "$raw" ]
	{
		printf COLD
		word "$packed"
		word "$raw"
		word "${check%% *}"
		cat "$out.packed"
	} | patch "$offset"
	{
		word $((packed + 16))
		word 0
	} | patch $(($1 + 32))
	rm "$out.raw" "$out.turned" "$out.packed"
}

# e_phoff, e_phnum; p_offset and p_filesz of 56 bytes each.
at=$(number 32 8)
segments=$(number 56 2)
end=0
while [ "$segments" -gt 0 ]; do
	# PT_LOAD, RWX.
	if [ "$(number "$at" 8)" -eq $((7 << 32 | 1)) ]; then
		pack "$at"
	fi
	last=$(($(number $((at + 8)) 8) + $(number $((at + 32)) 8)))
	[ "$last" -le "$end" ] || end=$last
	at=$((at + 56))
	segments=$((segments - 1))
done
[ "$end" -gt 0 ]
truncate -s "$end" "$out"
# e_type: ET_DYN. e_shoff; e_shentsize, e_shnum, e_shstrndx: none.
printf '\003\000' | patch 16
printf '\000\000\000\000\000\000\000\000' | patch 40
printf '\000\000\000\000\000\000' | patch 58
