#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does the link do what it is told, and does the source survive when it is cut
# anywhere? CUTS: 10 random bytes; 100 in make check-all.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

cuts=10
[ "$level" = quick ] || cuts=100
common='--ram 128M --before 100ms --after 100ms'
load=rate=50M,wss=48M

good=0
# shellcheck disable=SC2086 # words
run migrate $common --relay on --workload $load --json "$dir/r.json"
[ "$rc" -eq 0 ] || good=1
is '.samples[0] | .wire_bytes == .vantage.sent_bytes.vmm and .connections == 1' ||
	good=1
result $good "the relay's count is the channel's, to the byte"

good=0
# shellcheck disable=SC2086 # words
run migrate $common --relay on --workload $load --channels 4 \
	--json "$dir/r.json"
[ "$rc" -eq 0 ] || good=1
is '.samples[0] | .wire_bytes == .vantage.sent_bytes.vmm and .connections == 4 and
	(.cpu_s.source_threads | has("channel-3")) and
	.vmm_reported["x-vmferry"].channels == 4' || good=1
documented || good=1
result $good "the same over four channels"

for transport in unix tcp; do
	good=0
	# shellcheck disable=SC2086 # words
	run migrate $common --transport $transport --link-rate 40M \
		--workload rate=2M,wss=32M --json "$dir/r.json"
	[ "$rc" -eq 0 ] || good=1
	# All that went, by the time it took: within 10 % on a noisy machine.
	is '.samples[0].rounds[0] | .wire_bytes / .duration_ms * 1000 /
		(40 * 1048576) | . > 0.85 and . < 1.1' || good=1
	result $good "--link-rate over $transport"
done

good=0
# shellcheck disable=SC2086 # words
run migrate $common --link-stall 400ms@round:2 --workload $load \
	--json "$dir/r.json"
[ "$rc" -eq 0 ] || good=1
is '.samples[0].total_ms > 400' || good=1
result $good "--link-stall"

RANDOM=1
for ((i = 0; i < cuts; i++)); do
	good=0
	vmm=mini
	[ $((i % 5)) -ne 4 ] || ! command -v qemu-system-x86_64 >/dev/null ||
		vmm=qemu
	channels=1
	[ $((i % 3)) -ne 1 ] || channels=4
	# Within what the first round sends.
	cut=$((1 + (RANDOM * 32768 + RANDOM) % 45000000))
	# shellcheck disable=SC2086 # words
	run migrate $common --vmm $vmm --link-cut $cut --workload $load \
		--channels $channels --json "$dir/r.json"
	[ "$rc" -eq 1 ] || good=1
	is '.samples[0] | .completed == false and .source_after.running and
		([.source_after.integrity.bad[]] | add == 0)' || good=1
	is ".samples[0].wire_bytes == $cut" || good=1
	documented || good=1
	clean || good=1
	result $good "$vmm, $channels channels, cut after $cut bytes: the source goes on"
done
finish
