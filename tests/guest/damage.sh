#!/bin/bash
# SPDX-License-Identifier: MIT
# Is each kind of damage found, by verify and by the workload, and named right?
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

command -v gdb >/dev/null || skip "no gdb"

save() { # ADDRESS BYTES FILE
	monitor "pmemsave $1 $2 \"$dir/$3\""
}

page() { # INDEX: address
	echo $((work_gpa + $1 * 4096))
}

# Overwrite guest memory: pairs of ADDRESS FILE.
damage() {
	local commands=()

	while [ $# -gt 0 ]; do
		commands+=(-ex "restore $dir/$2 binary $1")
		shift 2
	done
	gdb -nx -batch -ex "set architecture i386:x86-64" \
		-ex "target remote $dir/gdb" "${commands[@]}" -ex detach \
		>"$dir/gdb.log" 2>&1 || fail "gdb: $(cat "$dir/gdb.log")"
}

boot 1 64
expect "event control"
control=$(value gpa)
expect "event ready"
monitor "gdbserver unix:$dir/gdb,server=on,wait=off"

# Sixteen pages, ten steps a second: the fill can be saved before the last
# pages are written for the first time.
say "start wss=64K rate=10p pattern=sequential write=page"
expect "event filled"
monitor stop
save 0 0x4000000 ram
line=$("$account" "$dir/ram" "$control" "$elf") || fail "account: $line"
work_gpa=$(value work_gpa)
for i in 14 15; do
	save "$(page $i)" 4096 "fill$i"
done
monitor cont
sleep 2
say stop
steps=$(value steps)
if [ "$steps" -lt 16 ] || [ "$steps" -gt 25 ]; then
	skip "too slow: $steps steps"
fi
say verify
is bad 0

head -c 4096 /dev/zero >"$dir/zero"
save "$(page 10)" 4096 page10
save "$(page 12)" 1 byte
byte=$((0x$(od -An -tx1 "$dir/byte" | tr -d ' ') ^ 4))
printf '%b' "\\x$(printf %02x "$byte")" >"$dir/flipped"
head -c 2048 "$dir/fill15" >"$dir/half"
damage "$(page 11)" page10 "$(page 12)" flipped "$(page 13)" zero \
	"$(page 14)" fill14 "$(page 15)" half
say verify
is bad 5
for i in "11 misplaced" "12 flipped" "13 zeroed" "14 stale" "15 torn"; do
	expect "event bad"
	is gfn "0x$(printf %x $(($(page "${i% *}") / 4096)))"
	is class "${i#* }"
	is by verify
done

say "start wss=64K rate=10p pattern=sequential write=page"
expect "event filled"
monitor stop
damage "$(page 15)" zero
monitor cont
expect "event bad"
is class zeroed
is by inline
is gfn "0x$(printf %x $(($(page 15) / 4096)))"
say stats
is bad 6
say stop
say verify
is bad 0

# Any exception ends it, with the registers in one line: ring 3 meets an
# instruction that is none.
monitor stop
address=$(nm "$elf.debug" | sed -n 's/ T work_fill$//p')
printf '\x0f\x0b' >"$dir/ud2"
damage "0x$address" ud2
monitor cont
echo "start wss=64K" >&3
while IFS= read -r -t 20 line <&4; do
	echo "< $line"
	case $line in
	"event panic "*) break ;;
	esac
done
is vector 6
is rip "0x$(printf %x "0x$address")"
is cs 0x23
[ -n "$(value cr2)$(value r15)" ]
