#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does a snapshot hold every byte, can it be loaded twice, and is a file that is
# not whole refused in one sentence, with nothing lost?
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

common='--ram 128M --before 200ms --after 200ms'
# Beside what clean looks at.
files=$dir.files
mkdir "$files" || exit 99
trap 'rm -rf "$dir" "$files"' EXIT
snapshot=$files/guest.snapshot

good=0
# shellcheck disable=SC2086 # words
run migrate $common --transport file --snapshot "$snapshot" --cpus 2 \
	--workload rate=50M,wss=32M --json "$dir/r.json"
[ "$rc" -eq 0 ] || good=1
is '.samples[0] | .integrity.coverage_pct == 100 and
	([.integrity.bad[]] | add == 0) and .vcpu_state.differing == [] and
	.two_runners == false and .wire_bytes > 32e6' || good=1
documented || good=1
[ "$(echo "$snapshot"*)" = "$snapshot" ] || good=1
result $good "saved, loaded, every byte right; no other file is left"

good=0
# shellcheck disable=SC2086 # words
run migrate $common --transport file --hops 2 --workload rate=50M,wss=32M \
	--verify switchover,inline,after --json "$dir/r.json"
[ "$rc" -eq 0 ] || good=1
documented || good=1
result $good "to and fro by private files, looked at before they run"

# Twice from the same file: each goes on where it was.
good=0
run boot --ram 128M --cpus 2 --load "$snapshot" --repeat 2 --duration 300ms \
	--json "$dir/r.json"
[ "$rc" -eq 0 ] || good=1
is '.verdict == "pass" and (.samples | length == 2) and
	all(.samples[]; .bad == 0 and .steps > 0)' || good=1
result $good "loaded twice: both work on, and verify their working set"

# At once as well.
good=0
"$vmferry" boot --ram 128M --cpus 2 --load "$snapshot" --duration 500ms \
	>"$files/other" 2>&1 &
other=$!
run boot --ram 128M --cpus 2 --load "$snapshot" --duration 500ms
[ "$rc" -eq 0 ] || good=1
wait "$other" || good=1
result $good "two at the same time"

# refused NAME PATTERN FILE [ARG...] - by boot and by vmm, in one sentence.
refused()
{
	local name=$1 pattern=$2 file=$3 good=0

	shift 3
	run boot --ram 128M --cpus 2 --load "$file" "$@"
	[ "$rc" -eq 2 ] || good=1
	[ "$(wc -l <"$dir/err")" -eq 1 ] || good=1
	grep -qE -- "$pattern" "$dir/err" || good=1
	run vmm --ram 128M --cpus 2 --incoming "file:$file" "$@"
	[ "$rc" -ne 0 ] && [ "$rc" -le 2 ] || good=1
	[ "$(wc -l <"$dir/err")" -eq 1 ] || good=1
	grep -qE -- "$pattern" "$dir/err" || good=1
	clean || good=1
	result $good "refused: $name ($err)"
}

bytes=$(stat -c %s "$snapshot")
for at in 0 10 40 5000 1048600 $((bytes / 2)) $((bytes - 33)) $((bytes - 1)); do
	head -c "$at" "$snapshot" >"$files/cut"
	refused "cut off after $at bytes" 'ends early' "$files/cut"
done
for at in 3 9 20 30 60 5000 1048590 $((bytes / 2)) $((bytes - 3)); do
	cp "$snapshot" "$files/damaged"
	byte=$(od -An -tu1 -j "$at" -N 1 "$snapshot")
	printf '%b' "\\$(printf %o $((byte ^ 1)))" |
		dd of="$files/damaged" bs=1 seek="$at" conv=notrunc status=none
	refused "one bit wrong at byte $at" 'is damaged in|is not a snapshot' \
		"$files/damaged"
done
cat "$snapshot" - >"$files/longer" <<<more
refused "something behind its end" 'is damaged' "$files/longer"
refused "another kind of file" 'is not a snapshot of vmferry' "$vmferry"
refused "no file" 'No such file' "$files/nothing"
rm -f "$files/cut" "$files/damaged" "$files/longer"
run boot --ram 64M --cpus 2 --load "$snapshot"
[ "$rc" -eq 2 ] && grep -q 'memory region 0' "$dir/err"
result $? "another size of memory ($err)"
run boot --ram 128M --cpus 1 --load "$snapshot"
[ "$rc" -eq 2 ] && [ "$(wc -l <"$dir/err")" -eq 1 ]
result $? "another number of vCPUs ($err)"

# What cannot be written leaves the guest at its source, and the old file.
sum=$(cksum <"$snapshot")
for where in "$files/no/such/directory" "$files" /dev/full; do
	good=0
	# shellcheck disable=SC2086 # words
	run migrate $common --transport file --snapshot "$where" \
		--workload rate=50M,wss=32M --json "$dir/r.json"
	[ "$rc" -eq 1 ] || good=1
	is '.samples[0] | .completed == false and .source_after.running and
		([.source_after.integrity.bad[]] | add == 0) and
		(.failure | contains("cannot write"))' || good=1
	documented || good=1
	result $good "cannot write $where: the source goes on"
done
good=0
# shellcheck disable=SC2086 # words
(ulimit -f 20000 && run migrate $common --transport file --snapshot \
	"$snapshot" --workload rate=50M,wss=32M --json "$dir/r.json" &&
	exit "$rc") >"$files/out"
[ $? -eq 1 ] || good=1
is '.samples[0] | .completed == false and .source_after.running and
	([.source_after.integrity.bad[]] | add == 0) and
	(.failure | contains("cannot write"))' || good=1
[ "$(find "$files" -name 'guest.snapshot*')" = "$snapshot" ] || good=1
result $good "no room in the middle of it: the source goes on, nothing stays"
[ "$sum" = "$(cksum <"$snapshot")" ]
result $? "the older snapshot is untouched"

# Whoever is killed while the file grows: nothing stays of it. (Of a driver that
# is killed its private folder does.)
killed=$files/killed
mkdir "$killed" || exit 99
for signal in INT KILL; do
	good=0
	XDG_RUNTIME_DIR=$files "$vmferry" migrate --ram 128M \
		--workload rate=50M,wss=32M \
		--max-bandwidth 20M --transport file --snapshot "$killed/x" \
		>/dev/null 2>&1 &
	driver=$!
	# Until it is being written.
	for ((i = 0; i < 200; i++)); do
		vmm=$(pgrep -P "$driver" | head -n 1)
		[ -n "$vmm" ] && find "/proc/$vmm/fd" -lname "$killed/*" \
			2>/dev/null | grep -q . && break
		sleep 0.05
	done
	[ "$i" -lt 200 ] || good=1
	kill -s "$signal" "$driver"
	wait "$driver" 2>/dev/null
	[ -z "$(ls -A "$killed")" ] || good=1
	result $good "SIG$signal while it is written: nothing stays"
done
echo "a letter" >"$files/letter"
run migrate --transport file --snapshot "$files/letter"
[ "$rc" -eq 2 ] && grep -q 'not a snapshot' "$dir/err" &&
	[ "$(cat "$files/letter")" = "a letter" ]
result $? "a file that is no snapshot is not replaced ($err)"
run migrate --transport file --channels 2
[ "$rc" -eq 2 ] && run migrate --snapshot x && [ "$rc" -eq 2 ] &&
	run migrate --vmm qemu --transport file && [ "$rc" -eq 2 ] &&
	run boot --load x --workload rate=1M && [ "$rc" -eq 2 ]
result $? "what does not go together ($err)"
clean
result $? "nothing is left behind"
finish
