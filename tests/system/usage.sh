#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does wrong use get one sentence, the right exit code, and nothing else?
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

# refused CODE PATTERN ARG...
refused()
{
	local code=$1 pattern=$2 good=0

	shift 2
	run "$@"
	[ "$rc" -eq "$code" ] || good=1
	[ "$(wc -l <"$dir/err")" -eq 1 ] || good=1
	grep -qE -- "$pattern" "$dir/err" || good=1
	clean || good=1
	result $good "$code: vmferry $* ($err)"
}

refused 2 "unknown command 'bogus'" bogus
refused 2 'unknown option --bogus' migrate --bogus
refused 2 'lacks its value' migrate --ram
refused 2 'takes a size' migrate --ram 1Q
refused 2 'out of range' migrate --ram 1M
refused 2 'multiple of 2 MiB' migrate --ram 17M
refused 2 'out of range: 1 to 64' migrate --cpus 65
refused 2 'out of range' migrate --cpus 0
refused 2 'takes one of anon, thp' migrate --backing floppy
refused 2 'takes a path' migrate --backing file:
refused 2 'has no pages of 2 MiB' migrate --backing anon --page-size 2M
refused 2 'has no pages of 4 KiB' migrate --backing hugetlb --page-size 4K
refused 2 'multiple of the page size' migrate --backing memfd --page-size 1G
refused 2 'asks for transparent huge pages' migrate --vmm qemu --backing anon
refused 2 'has none' migrate --vmm qemu --accel tcg --dirty ring
refused 2 'names a folder' migrate --vmm qemu --backing file:/no/such
refused 2 "unknown key 'speed'" migrate --workload speed=3
refused 2 'is not KEY=VALUE' migrate --workload random
refused 2 "pattern takes one of" migrate --workload pattern=zigzag
refused 2 'ratio in content' migrate --workload content=r:0
refused 2 'does not fit' migrate --ram 64M --workload wss=64M
refused 2 'whole 4 KiB' migrate --workload wss=5000
refused 2 'skip-dirty' migrate --sabotage burn
refused 2 '--sabotage|sabotage' migrate --sabotage flip:0
refused 2 'switchover, inline' migrate --verify never
refused 2 'kill-target@PHASE' migrate --fault kill-target@lunch
refused 2 'cannot be written' migrate --json /nonexistent/r.json
refused 2 'takes a file' migrate --json ''
refused 2 'takes a file' doctor --json=
refused 2 'console is for --vmm mini' boot --vmm qemu --console
refused 2 'cpu is for --vmm qemu, not' migrate --vmm mini --cpu max
refused 2 'firmware is for --vmm qemu, not' boot --vmm mini --firmware uefi
refused 2 'leave out --json' boot --vmm mini --console --json "$dir/r.json"
refused 2 'is a directory' migrate --json "$dir"
refused 2 'cannot read --kernel' migrate --kernel /nonexistent
refused 2 'takes a time' migrate --downtime-limit 300
refused 2 'boots nothing' vmm --incoming defer --append x=1
refused 2 'neither unix:PATH nor' vmm --qmp nowhere

printf 'not an ELF file at all' >"$dir/bad.elf"
refused 2 '^vmferry boot: [^:]*image' boot --kernel "$dir/bad.elf"
"$vmferry" vmm --qmp "unix:$dir/bad.sock" --serial none &
busy=$!
for _ in $(seq 200); do [ -S "$dir/bad.sock" ] && break; sleep 0.02; done
! clean 2>/dev/null
result $? "a VMM that is left running is seen"
spared=$busy
refused 2 'Address already in use' vmm --qmp "unix:$dir/bad.sock"
kill "$busy"
wait "$busy"
result $? "SIGTERM ends the mini VMM cleanly"
spared=
[ ! -e "$dir/bad.sock" ]
result $? "its socket is gone"

# console EXPECTED INPUT - what is written before the guest is there
# reaches it; the end of the input ends it.
console()
{
	local expected=$1 good=0 got

	printf %b "$2" | timeout 60 "$vmferry" boot --console --ram 32M \
		>"$dir/out" 2>"$dir/err"
	[ "${PIPESTATUS[1]}" -eq 0 ] || good=1
	got=$(grep -c '^ok' "$dir/out")
	[ "$got" = "$expected" ] || good=1
	result $good "boot --console, $expected replies ($got)"
}
# Its own poweroff is one more; with and without an end of the last line.
console 1 ''
console 3 'stats\nstats\n'
console 3 'stats\nhelp'
console 301 "$(printf 'stats\\n%.0s' {1..300})"

run migrate --dry-run --ram 1G --workload rate=100M
[ "$rc" -eq 0 ] && jq -e '.ram_bytes == 1073741824 and
	.workload.rate_bytes_per_s == 104857600' "$dir/out" >/dev/null
result $? "--dry-run prints the resolved configuration"
run migrate --help
good=0
[ "$(awk 'length > 100' "$dir/out" | wc -l)" -eq 0 ] || good=1
for word in pattern= rate= wss= write= content= check= seed= skip-dirty stale \
	flip zero misplace tear 130; do
	grep -q -- "$word" "$dir/out" || good=1
done
result $good "--help says all words of --workload and --sabotage"
for command in '' migrate boot vmm doctor; do
	# shellcheck disable=SC2086 # no word, or one
	run $command --help
	[ "$rc" -eq 0 ] && grep -q '^Example' "$dir/out"
	result $? "--help with examples: $command"
done
finish
