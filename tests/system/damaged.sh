#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Compressed pages of which one bit flips between two VMMs: does the target
# refuse them and say why; does the source run on, with all of its memory right?
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

peer=${VMFERRY_PEER:-$(dirname "$vmferry")/../../tests/system/peer}
pids=

end()
{
	local pid

	for pid in $pids; do
		kill -9 "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	pids=
	rm -f "$dir"/*.qmp "$dir"/*.com1 "$dir"/*.sock
}
trap 'end; rm -rf "$dir"' EXIT

ask()
{
	local where=$1

	shift
	timeout 20 "$peer" ask "unix:$dir/$where" "$@"
}

# qmp MACHINE COMMAND [ARGUMENTS] - its answer.
qmp()
{
	ask "$1.qmp" '{"execute": "qmp_capabilities"}' \
		"{\"execute\": \"$2\", \"arguments\": ${3:-{\}}}" | tail -n 1
}

# until_true WORDS... - does that command succeed within ten seconds?
until_true()
{
	local i

	for ((i = 0; i < 200; i++)); do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.05
	done
	echo "# never: $*" >&2
	return 1
}

# vm NAME OPTION... - a machine that serves.
vm()
{
	local name=$1

	shift
	"$vmferry" vmm --ram 64M --qmp "unix:$dir/$name.qmp" \
		--serial "unix:$dir/$name.com1,server=on" "$@" 2>"$dir/bad-$name" &
	pids+=" $!"
	until_true test -S "$dir/$name.com1"
}

failed()
{
	[[ $(qmp a query-migrate) == *'"failed"'* ]]
}

codecs='zlib zstd'
[ "$level" = quick ] || codecs='zlib libdeflate zstd lz4'
for codec in $codecs; do
	good=0
	vm a || good=1
	until_true ask a.com1 control || good=1
	ask a.com1 'start rate=20M wss=32M content=r:4' >/dev/null || good=1
	# What is written first is all zero: nothing to damage.
	sleep 0.5
	qmp a migrate-set-capabilities '{"capabilities":
		[{"capability": "compress", "state": true}]}' >"$dir/out"
	qmp a migrate-set-parameters \
		"{\"x-compress-codec\": \"$codec\"}" >>"$dir/out"
	! grep -q error "$dir/out" || good=1

	vm b --incoming defer || good=1
	qmp b migrate-incoming "{\"uri\": \"unix:$dir/b.sock\"}" >/dev/null
	"$peer" flip "unix:$dir/m.sock" "unix:$dir/b.sock" 300000 \
		2>"$dir/err" &
	pids+=" $!"
	until_true test -S "$dir/m.sock" || good=1
	qmp a migrate "{\"uri\": \"unix:$dir/m.sock\"}" >/dev/null
	until_true failed || good=1
	# In the target's own words: the forwarder may lose those to the source.
	until_true grep -q 'from gfn 0x.* damaged: their checksum is wrong' \
		"$dir/bad-b" || good=1
	[[ $(qmp a query-status) == *'"running"'* ]] || good=1
	[[ $(ask a.com1 stats) == *state=running*bad=0* ]] || good=1
	result $good "$codec: refused, and the source runs"

	# All of it arrives now, as it should be.
	good=0
	vm c --incoming defer || good=1
	run migrate --source-qmp "$dir/a.qmp" --target-qmp "unix:$dir/c.qmp" \
		--source-console "$dir/a.com1" \
		--target-console "unix:$dir/c.com1" \
		--before 100ms --after 100ms --json "$dir/r.json"
	[ "$rc" -eq 0 ] || good=1
	is '.verdict == "pass" and .samples[0].integrity.coverage_pct == 100' ||
		good=1
	result $good "$codec: the source's memory was unharmed"
	end
done
clean
result $? "nothing is left"

finish
