#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does a guest arrive whole whatever its RAM is made of, however its writes are
# logged, with more RAM than the host has, and when RAM is handed over by
# descriptor?
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

quickly="--ram 128M --cpus 2 --before 200ms --after 200ms --workload rate=50M,wss=64M"
runs=3
[ "$level" = all ] && runs=20

# passes NAME JQ ARG... - a migration whose every byte is right, and JQ holds.
passes()
{
	local name=$1 expression=$2 good=0

	shift 2
	run migrate --json "$dir/r.json" "$@"
	[ "$rc" -eq 0 ] || good=1
	is '.verdict == "pass"' || good=1
	is '[.samples[].integrity.bad[]] | add == 0' || good=1
	is '[.samples[].two_runners] | any | not' || good=1
	is "$expression" || good=1
	documented || good=1
	clean || good=1
	result $good "$name"
}

# refused CODE PATTERN ARG... - says why, and leaves nothing.
refused()
{
	local code=$1 pattern=$2 good=0

	shift 2
	run "$@"
	[ "$rc" -eq "$code" ] || good=1
	grep -q -- "$pattern" <<<"$err" || good=1
	clean || good=1
	result $good "refused with $code: $*"
}

small='[.samples[0].memory[] | .resident_4k_bytes > 60e6 and .resident_2m_bytes == 0] | all'
huge='[.samples[0].memory[] | .resident_2m_bytes > 60e6 and .resident_4k_bytes == 0] | all'
# shellcheck disable=SC2086 # words
{
	passes "anon is never huge" "$small" $quickly --backing anon
	passes "memfd" "$small" $quickly --backing memfd
	passes "file in a folder" "$small" $quickly --backing "file:$dir"
	passes "file by name" "$small" $quickly --backing "file:$dir/ram"
	passes "all of RAM is there before" \
		'[.samples[0].memory[].resident_4k_bytes == 128 * 1048576] | all' \
		$quickly --prealloc on
	if grep -q '\[never\]' /sys/kernel/mm/transparent_hugepage/enabled; then
		passes "thp, which this host has off" \
			'.warnings | any(test("not what was asked for"))' \
			$quickly --backing thp
	else
		passes "thp" \
			'.samples[0].memory.source.resident_2m_bytes > 60e6' \
			$quickly --backing thp
	fi
}
echo somebody >"$dir/bad-theirs"
refused 2 'cannot map' migrate --ram 64M --backing "file:$dir/bad-theirs"
[ "$(cat "$dir/bad-theirs")" = somebody ]
result $? "a file that was there is left alone"
rm "$dir/bad-theirs"
refused 2 'cannot map' migrate --ram 64M --backing file:/no/such/folder/ram

# Huge pages: reserved here if we may, and given back.
pool=/sys/kernel/mm/hugepages/hugepages-2048kB
before=$(cat $pool/nr_hugepages 2>/dev/null)
if [ -w $pool/nr_hugepages ]; then
	[ "$(cat $pool/free_hugepages)" -ge 64 ] ||
		refused 77 'sysctl vm.nr_hugepages' migrate --ram 128M \
			--backing hugetlb
	trap 'echo $before >$pool/nr_hugepages; rm -rf "$dir"' EXIT
	echo $((before + 160)) >$pool/nr_hugepages
fi
if [ "$(cat $pool/free_hugepages 2>/dev/null || echo 0)" -ge 128 ]; then
	# shellcheck disable=SC2086 # words
	{
		passes "hugetlb, both sides" "$huge" $quickly --backing hugetlb
		passes "memfd of huge pages" "$huge" $quickly --backing memfd \
			--page-size 2M
		passes "memfd of huge pages, handed over" "$huge" $quickly \
			--transport memfd --page-size 2M
	}
fi
[ -z "$before" ] || [ ! -w $pool/nr_hugepages ] || echo "$before" >$pool/nr_hugepages

# The dirty log: as fast as it goes, so that the ring runs full too.
for log in bitmap ring; do
	if [ $log = ring ] &&
		"$vmferry" doctor --json "$dir/r.json" >/dev/null 2>&1 &&
		is '.samples[0].checks // .checks | any(.name == "kvm.dirty_ring" and .state == "absent")' 2>/dev/null; then
		refused 77 'dirty ring' migrate --ram 64M --dirty ring
		continue
	fi
	passes "$log at full speed, $runs runs" ".params.dirty == \"$log\"" \
		--ram 256M --cpus 2 --before 200ms --after 100ms --repeat $runs \
		--dirty $log --workload rate=0,wss=192M
done

# Twice the host's memory; what nobody touches is backed nowhere.
more=$(($(awk '/MemTotal/ {print $2}' /proc/meminfo) / 512 / 1024 + 1))G
for backing in anon memfd; do
	passes "RAM of $more, $backing" \
		'[.samples[0].memory[] | .resident_4k_bytes < 300e6] | all' \
		--ram "$more" --backing $backing --before 200ms --after 200ms \
		--workload rate=20M,wss=64M
done

# RAM by descriptor: only the state travels, and the control area.
for verify in switchover inline after switchover,inline,after; do
	# shellcheck disable=SC2086 # words
	passes "handed over, verified $verify" \
		'.samples[0].wire_bytes < 1e6 and .params.backing == "memfd"' \
		$quickly --transport memfd --verify $verify
done
passes "handed over to and fro" '.samples | length == 5' --ram 64M --hops 5 \
	--transport memfd --before 100ms --after 100ms --workload rate=50M,wss=16M
for phase in setup final-ram state ready; do
	# shellcheck disable=SC2086 # words
	run migrate $quickly --transport memfd --fault "kill-target@$phase" \
		--json "$dir/r.json"
	good=0
	[ "$rc" -eq 1 ] || good=1
	is '.samples[0].source_after | .running and .integrity.coverage_pct == 100' ||
		good=1
	is '[.samples[0].source_after.integrity.bad[]] | add == 0' || good=1
	clean || good=1
	result $good "handed over, killed in $phase: the source goes on, untouched"
done
# shellcheck disable=SC2086 # words
{
	run migrate $quickly --transport memfd --fault kill-target@committed \
		--json "$dir/r.json"
	is '.verdict == "fail" and .samples[0].two_runners == false and
		.samples[0].source_after.running == false' && clean
	result $? "handed over, killed when committed: nobody runs"
	run migrate $quickly --transport memfd --sabotage flip:3 \
		--json "$dir/r.json"
	is '.samples[0].sabotage | .found == 3 and .missed == [] and .invented == []' &&
		clean
	result $? "handed over, damaged: found"
}
refused 2 'contradicts it' migrate --transport memfd --backing anon
refused 2 'no relay carries' migrate --transport memfd --relay on
refused 2 'have nothing to do' migrate --transport memfd --channels 2
refused 2 'for --vmm mini' migrate --transport memfd --vmm qemu

if [ "$level" = all ]; then
	for ram in 1G 4G 8G; do
		passes "handed over: $ram" \
			'.summary.blackout_ms.median < 50 and .samples[0].wire_bytes < 1e6' \
			--ram $ram --transport memfd --repeat 5 --before 200ms \
			--after 200ms --verify inline --workload rate=100M,wss=512M
	done
fi
finish
