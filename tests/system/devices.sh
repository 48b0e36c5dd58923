#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Devices with many queues in a machine that migrates: does every queue of every
# device work on every hop, and is what the options cannot have refused? The
# long form has ten hops with each way of committing, and as many queues as
# there can be.
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

refused "at most 62 devices of at most 64 queues" \
	migrate --vmm mini --devices net:63x1
refused "like net:8x16,blk:16x4, not 'x'" boot --vmm mini --devices x
refused "like net:8x16,blk:16x4, not 'x'" vmm --devices x
refused "the mini VMM's" migrate --vmm qemu --devices net:1x1

[ -w /dev/kvm ] || {
	finish
	exit
}

# NAME QUEUES DEVICES OPTIONS...
migrate()
{
	local name=$1 queues=$2 devices=$3

	shift 3
	run migrate --vmm mini --cpus 2 --devices "$devices" --before 200ms \
		--after 100ms --progress never --json "$dir/r.json" "$@"
	[ "$rc" -eq 0 ] && is '.verdict == "pass" and ([.samples[] |
		.devices | length == 2 and all(.queues == '"$queues"' and
			.lost + .wrong + .doubled == 0)] | all)'
	result $? "$name ($err)"
	documented
	result $? "$name: as documented"
	jq -r '.samples | "# downtime \([.[].downtime_ms] | sort |
		.[length / 2 | floor]) ms, load \(
		[.[].waterfall.device_load_ms] | sort |
		.[length / 2 | floor]) ms (medians)"' "$dir/r.json"
}

hops=2
ram=256M
[ "$level" = quick ] || hops=10 ram=1G

for how in once each prepared; do
	migrate "$hops hops, --commit $how" 192 net:8x16,blk:16x4 \
		--hops $hops --ram $ram --workload rate=50MB --commit $how
	[ "$level" = quick ] && hops=1
done
[ "$level" = quick ] ||
	migrate "all that there can be" 3968 net:62x64 --hops 2 --ram 256M \
		--workload rate=10MB --commit prepared

clean
result $? "nothing left"
finish
