#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does the verifier invent anything where nothing was damaged? Runs with many
# parameters (8; 200 in make check-all).
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

count=8
[ "$level" = quick ] || count=200
patterns=(random sequential 'hotcold,hot=5%/80%' 'strided,stride=32K'
	'burst,burst=30ms/50ms'
	'random,phases=pattern:strided/17ms;pattern:hotcold/23ms;pattern:random/12ms'
	random)
writes=(stamp page line 'page,delta=128')
contents=(random zero r:4 text r:2 constant)
rates=(100M 20M 0 300M 7000p)
sizes=(48M 4100K 80M 12K)
looks=('inline,after' 'switchover,inline,after' 'switchover' 'after')

for ((i = 0; i < count; i++)); do
	workload=pattern=${patterns[i % 7]},write=${writes[i / 2 % 4]}
	workload+=,content=${contents[i / 4 % 6]},rate=${rates[i % 5]}
	workload+=,wss=${sizes[i / 3 % 4]},seed=$i
	look=${looks[i % 4]}
	good=0
	run migrate --ram 128M --cpus $((1 + i % 3)) --before 200ms \
		--after 200ms --verify "$look" --json "$dir/r.json" \
		--downtime-limit 500ms --workload "$workload"
	[ "$rc" -eq 0 ] || good=1
	is '.verdict == "pass" and ([.samples[0].integrity.bad[]] | add == 0)' ||
		good=1
	clean || good=1
	result $good "$workload, $look"
done
finish
