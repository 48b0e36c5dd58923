#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A guest with vfio-user devices migrates: do the pages that the devices write
# by DMA arrive, and the devices' state, their interrupts and their memory with
# them? Is what goes wrong with a device said, and does the source go on? The
# long form: ten hops of 1 GiB, four devices, migration v1, downtime with and
# without pre-copy.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

refused()
{
	local want=$1

	shift
	run "$@"
	[ "$rc" -eq 2 ] && [ "$(wc -l <"$dir/err")" -eq 1 ] &&
		grep -q -e "$want" "$dir/err"
	result $? "refused: $* ($err)"
}

refused "it needs --backing memfd" \
	migrate --vmm mini --vfio-device '' --backing anon
refused "go together" migrate --vmm mini --vfio-user "$dir/none"
refused "for mini VMMs" migrate --vmm qemu --vfio-device ''
refused "needs a device that writes" \
	migrate --vmm mini --sabotage skip-dma-dirty
refused "unknown option --bogus" migrate --vmm mini --ram 64M \
	--vfio-device bogus=1 --progress never
run vmm --ram 64M --vfio-user "$dir/none"
[ "$rc" -eq 2 ] && grep -q "$dir/none" "$dir/err"
result $? "a device that is not there ($err)"

migrate()
{
	run migrate --vmm mini --cpus 2 --before 300ms --after 200ms \
		--progress never --json "$dir/r.json" "$@"
}

# NAME DEVICES EXPRESSION OPTIONS...
passes()
{
	local name=$1 devices=$2 more=$3

	shift 3
	migrate "$@"
	[ "$rc" -eq 0 ] && is '.verdict == "pass" and all(.samples[];
		(.vfio.each | length) == '"$devices"' and .vfio.dma_pages > 0
		and .vfio.guest.pages > 0 and .vfio.guest.raised > 0)' &&
		is "$more"
	result $? "$name ($err)"
	documented
	result $? "$name: as documented"
}

hops=2
ram=256M
work=rate=50M,wss=96M,dma=50M
[ "$level" = quick ] || hops=10 ram=1G work=rate=50M,dma=50M

passes "$hops hops" 1 true --ram $ram --hops $hops --workload $work \
	--vfio-device state-size=4M,precopy-rate=1M

# What only the device's log tells is lost: the oracle says which pages.
migrate --ram 256M --workload rate=20M,wss=96M,dma=50M \
	--sabotage skip-dma-dirty:20 --vfio-device ''
[ "$rc" -eq 1 ] && is '.samples[0] | .sabotage.found == 20 and
	.sabotage.missed == [] and .sabotage.invented == [] and
	.sabotage.wrong_class == []'
result $? "skip-dma-dirty: the lost pages are found and named ($err)"
documented
result $? "skip-dma-dirty: as documented"

# Whom the test itself starts, it ends.
devices=()
device()
{
	"$vmferry" vfio device --socket "$1" --quiet "${@:2}" \
		>/dev/null 2>&1 &
	devices+=($!)
	# No word of its death.
	disown $!
	for _ in {1..100}; do
		[ -S "$1" ] && return
		sleep 0.05
	done
	return 1
}
end_devices()
{
	local pid

	for pid in "${devices[@]}"; do
		while kill -9 "$pid" 2>/dev/null; do
			sleep 0.01
		done
	done
	devices=()
	rm -f "$dir"/*.sock
}
trap 'end_devices; rm -rf "$dir"' EXIT

# Another device than the source's: its state is refused at the end.
device "$dir/s.sock" && device "$dir/t.sock" --state-size 8M
migrate --ram 128M --workload rate=10M,wss=48M,dma=10M \
	--vfio-user "$dir/s.sock" --vfio-user-target "$dir/t.sock"
[ "$rc" -eq 1 ] && is '.samples[0] |
	(.failure | test("refused its state")) and
	.source_after.running and .source_after.integrity.bad.stale == 0'
result $? "a state that is refused: the source goes on with its device"
end_devices

# The same two devices, one client after the other.
device "$dir/s.sock" && device "$dir/t.sock"
passes "3 hops between two devices" 1 true --ram 128M --hops 3 \
	--workload rate=10M,wss=48M,dma=10M \
	--vfio-user "$dir/s.sock" --vfio-user-target "$dir/t.sock"

# slowly VICTIM - migrates, and kills that device as soon as pages travel.
slowly()
{
	: >"$dir/err"
	(
		for _ in {1..600}; do
			grep -aq 'round 1.*sent [0-9.]* MiB' "$dir/err" && break
			sleep 0.1
		done
		kill -9 "$1"
	) &
	migrate --ram 256M --workload rate=20M,wss=96M,dma=10M --before 500ms \
		--max-bandwidth 40M --vfio-user "$dir/s.sock" \
		--vfio-user-target "$dir/t.sock" --progress always
	wait $! 2>/dev/null
	# Without the status line.
	err=$(tr '\r' '\n' <"$dir/err" | grep -ao 'vmferry migrate: .*')
}

slowly "${devices[1]}"
[ "$rc" -eq 1 ] && is '.samples[0] | (.completed | not) and
	(.failure | test("t.sock|target")) and .source_after.running'
result $? "the target's device is killed: the source goes on ($(
	jq -r '.samples[0].failure' "$dir/r.json"))"
rm -f "$dir/t.sock"
device "$dir/t.sock"
slowly "${devices[0]}"
[ "$rc" -ne 0 ] && grep -q "s.sock" "$dir/err" "$dir/r.json"
result $? "the source's device is killed: an error that names it ($err)"
end_devices

if [ "$level" != quick ]; then
	passes "four devices, 5 hops" 4 'all(.samples[];
		.vfio.guest.devices == 4)' --ram 512M --hops 5 \
		--workload rate=50M,dma=50M --vfio-device '' \
		--vfio-device state-size=32M,precopy-rate=20M \
		--vfio-device p2p=off --vfio-device precopy=off
	passes "migration v1, 3 hops" 1 true --ram 256M --hops 3 \
		--workload rate=20M,dma=20M --vfio-device protocol=v1
	passes "BARs that may not be mapped" 1 true --ram 256M \
		--workload rate=20M,dma=20M --vfio-device mapping=off
	passes "a device that takes its time" 1 true --ram 256M \
		--workload rate=20M,dma=20M \
		--vfio-device save-delay=100ms,load-delay=100ms
	big=state-size=256M
	passes "256 MiB of state" 1 'def median(v): [.samples[] |
			select(.variant == v) | .blackout_ms] | sort | .[2];
		median("a") <= 0.3 * median("b")' --ram 256M --repeat 5 \
		--vfio-device $big --ab "--vfio-device $big,precopy=off" \
		--workload rate=20M,wss=64M,dma=10M
	jq -r '"# blackout \([.samples[] | "\(.variant) \(.blackout_ms)"] |
		join(", ")) ms"' "$dir/r.json"
fi

clean
result $? "nothing left"
finish
