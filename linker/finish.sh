#!/bin/sh
# SPDX-License-Identifier: MIT
# The image to ship: its segments alone, and marked as what it is, position
# independent. ld calls a PIE that is linked at an address ET_EXEC. Names and
# sections stay in the file it is made from: nobody who loads it needs them.
# usage: finish.sh OBJCOPY IN OUT
set -e
out=$3
"$1" --strip-all "$2" "$out"

# number OFFSET BYTES: a little-endian number in the file.
number() {
	od -An -tu"$2" -j"$1" -N"$2" "$out" | tr -d ' '
}

# patch OFFSET: standard input goes there.
patch() {
	dd of="$out" bs=1 seek="$1" conv=notrunc status=none
}

# e_phoff, e_phnum; p_offset and p_filesz of 56 bytes each.
at=$(number 32 8)
segments=$(number 56 2)
end=0
while [ "$segments" -gt 0 ]; do
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
