#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does each workload arrive whole: pattern x write x content?
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

quickly="--ram 128M --cpus 2 --before 200ms --after 200ms"

# passes NAME ARG... - a migration whose every byte is right.
passes()
{
	local name=$1 good=0

	shift
	run migrate --json "$dir/r.json" "$@"
	[ "$rc" -eq 0 ] || good=1
	is '.verdict == "pass"' || good=1
	is '.samples[0].integrity.coverage_pct == 100' || good=1
	is '[.samples[0].integrity.bad[]] | add == 0' || good=1
	is '.samples[0].vcpu_state | .compared > 20 and .differing == []' ||
		good=1
	is '.samples[0].two_runners == false' || good=1
	documented || good=1
	clean || good=1
	result $good "$name"
}

# In short each value of each key; in full each with each.
patterns=(sequential random strided hotcold 'burst,burst=60ms/40ms')
writes=(stamp page line 'page,delta=256')
contents=(zero random r:4 constant text)
n=0
for pattern in "${patterns[@]}"; do
	for write in "${writes[@]}"; do
		for content in "${contents[@]}"; do
			n=$((n + 1))
			[ "$level" != quick ] || [ $((n % 9)) -eq 1 ] || continue
			# shellcheck disable=SC2086 # words
			passes "$pattern $write $content" $quickly --workload \
				"pattern=$pattern,write=$write,content=$content,rate=100M,wss=64M"
		done
	done
done
# shellcheck disable=SC2086 # words
{
	passes "tcp" $quickly --transport tcp --workload rate=50M
	passes "tcp, 4 channels" $quickly --transport tcp --channels 4 \
		--workload rate=50M
	passes "memfd" $quickly --backing memfd --workload rate=50M
	passes "switchover" $quickly --verify switchover,inline,after \
		--workload rate=100M,wss=64M
	passes "max-bandwidth" $quickly --max-bandwidth 200M \
		--workload rate=10M,wss=32M
	passes "full speed" $quickly --workload rate=0,wss=16M
	# Some fifty changes of order, some of them in the switchover.
	passes "phases" $quickly --verify switchover,inline,after --workload \
		"wss=32M,phases=pattern:random&rate:60M/10ms;pattern:hotcold&rate:200M/13ms;pattern:strided&rate:30M+60M/11ms;pattern:sequential&rate:0/10ms"
	passes "a rate for each vCPU" $quickly --workload rate=5M+50M,wss=32M
}
passes "one page, two vCPUs" --ram 64M --cpus 2 --before 100ms --after 100ms \
	--workload wss=4K,rate=1M
passes "8 vCPUs" --ram 256M --cpus 8 --before 300ms --after 300ms \
	--workload rate=40M,wss=64M
[ "$level" = quick ] || passes "64 vCPUs" --ram 512M --cpus 64 --before 500ms \
	--after 500ms --workload rate=50M,wss=64M
passes "RAM above 4 GiB" --ram 3200M --before 100ms --after 100ms \
	--workload rate=20M,wss=16M
finish
