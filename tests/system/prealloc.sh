#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Is memory preallocated as each method says, proven, and given back; and does
# each way of failing say what is missing? Huge pages are reserved only by root.
# shellcheck disable=SC2016,SC2034 # jq has its own $; lib.sh reads needs_kvm
needs_kvm=no
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
schema=$(dirname "$schema")/prealloc.schema.json
pool=/sys/kernel/mm/hugepages/hugepages-2048kB

# refused WORD ARG... - exit code 2 and one sentence that has the word.
refused()
{
	local word=$1

	shift
	run prealloc "$@"
	[ "$rc" -eq 2 ] && [ "$(wc -l <"$dir/err")" -eq 1 ] &&
		grep -qe "$word" "$dir/err" && [ -z "$out" ]
	result $? "refused: $* ($err)"
}

refused 'whole pages' --ram 5000
refused 'whole pages' --backing thp --ram 3M
refused 'only of 4K' --page-size 2M
refused 'only of 2M and 1G' --backing hugetlb --page-size 4K
refused 'takes one of' --backing paper
refused 'takes one of' --method fastest
refused 'takes a path' --backing file
refused 'takes no path' --backing memfd:/tmp
refused '1 to 1024' --threads 0
refused '1 to 1024' --threads 1025
refused 'others. stores' --backing memfd --touch rewrite --method serial
refused 'goes with' --touch rewrite
refused 'NUMA node 999' --numa-node 999
refused 'not an option' fast
refused 'goes with --compare' --vmm mini
refused 'mini, qemu or both' --compare --vmm xen
refused 'is for --vmm mini' --compare --vmm both --backing anon
refused 'at least 64M' --compare --vmm mini --ram 32M

run prealloc --backing thp --threads auto --cpus 1 --dry-run
jq -e '.page_bytes == 2097152 and .threads == 1 and .method == "best" and
	.numa_node == null' "$dir/out" >/dev/null
result $? "a dry run prints what would be done"

# Pages of each kind, proven; method by method.
for backing in anon thp memfd "file:$dir"; do
	case $backing in
	thp) size=2097152 key=resident_2m_bytes ;;
	*) size=4096 key=resident_4k_bytes ;;
	esac
	for method in serial split even populate best; do
		run prealloc --ram 24M --backing "$backing" --method $method \
			--threads 3 --json "$dir/r.json"
		[ "$rc" -eq 0 ] && documented && is '.verdict == "pass"' &&
			is ".samples[0] | .memory.$key == 25165824
			and .mapped_bytes == 25165824 and .failure == null and
			(.per_thread.pages | add) * $size == 25165824 and
			(.per_thread.finish_ms | max) <= .elapsed_ms"
		result $? "${backing%%:*}, $method"
	done
done
run prealloc --ram 24M --method serial --touch rewrite --repeat 2 --warmup 1 \
	--pin --numa-node 0 --json "$dir/r.json"
[ "$rc" -eq 0 ] && documented && is '(.samples | length) == 3 and
	.samples[0].warmup and .summary.elapsed_ms.n == 2'
result $? "the way of before, on private memory; warm-ups apart ($err)"

# pages METHOD - what 64 threads have of 160 pages: "pages x threads" a word.
pages()
{
	run prealloc --ram 640K --method "$1" --threads 64 --json "$dir/r.json"
	[ "$rc" -eq 0 ] && jq -r '.samples[0].per_thread.pages | group_by(.) |
		map("\(.[0])x\(length)") | join(" ")' "$dir/r.json"
}

got=$(pages split)
[ "$got" = '2x63 34x1' ]
result $? "split leaves the remainder to the last of 64 threads: $got"
got=$(pages even)
[ "$got" = '2x32 3x32' ]
result $? "even spreads it: $got"

# Without a promise, and of more than there is: at the touch or the populating.
few=$((($(cat $pool/free_hugepages) + 20) * 2))
reserved=$(cat $pool/resv_hugepages)

# Are no more pages promised than before? Others may have some for a moment.
unpromised()
{
	local i

	for i in {1..40}; do
		[ "$(cat $pool/resv_hugepages)" -gt "$reserved" ] || return 0
		sleep 0.05
	done
	return 1
}

# fails HOW OPTION... - exit code 1, the sentence, the remedy, nothing promised.
fails()
{
	local how=$1

	shift
	run prealloc --ram "$ram" --json "$dir/r.json" "$@"
	[ "$rc" -eq 1 ] && documented && is '.verdict == "fail"' &&
		is ".samples[0].failure.how == \"$how\"" &&
		grep -Eq '[0-9]+ more 2 MiB pages?: sysctl vm.nr_hugepages=' \
			"$dir/err" && [ "$(wc -l <"$dir/err")" -eq 1 ] &&
		unpromised
}

# fails_all WHERE - the three ways, by all methods.
fails_all()
{
	fails mmap --backing hugetlb
	result $? "$1: promised, and refused by mmap ($err)"
	fails mmap --backing memfd --page-size 2M
	result $? "$1: the same of a memfd"
	for method in serial split even; do
		fails sigbus --backing hugetlb --reserve off --method $method \
			--threads 5
		result $? "$1: $method: SIGBUS ($err)"
	done
	for method in populate best; do
		fails efault --backing hugetlb --reserve off --method $method \
			--threads 5
		result $? "$1: $method: EFAULT ($err)"
	done
	fails efault --backing memfd --page-size 2M --reserve off
	result $? "$1: a memfd that was not promised"
}

if [ -d $pool ]; then
	ram=${few}M
	fails_all "as it is here"
fi

# more_pages N - that many more in the pool, given back at the end.
more_pages()
{
	local before

	[ "$(id -u)" -eq 0 ] && [ -w $pool/nr_hugepages ] || return
	before=$(cat $pool/nr_hugepages)
	trap 'give_back; rm -rf "$dir"' EXIT
	echo $((before + $1)) >$pool/nr_hugepages || return
	lent=$(($(cat $pool/nr_hugepages) - before))
	[ "$lent" -eq "$1" ]
}

lent=0
give_back()
{
	[ "$lent" -le 0 ] ||
		echo $(($(cat $pool/nr_hugepages) - lent)) >$pool/nr_hugepages
	lent=0
}

# A limit on huge pages of a cgroup: promised by the pool, refused by the group.
fails_by_group()
{
	local root=/sys/fs/cgroup group

	[ -d $root/unified ] && root=$root/unified
	group=$root/vmferry-test-$$
	echo +hugetlb >$root/cgroup.subtree_control 2>/dev/null
	mkdir "$group" 2>/dev/null || return 77
	if ! echo $((20 << 21)) >"$group/hugetlb.2MB.max" 2>/dev/null; then
		rmdir "$group"
		return 77
	fi
	(
		echo "$BASHPID" >"$group/cgroup.procs" || exit 77
		exec "$vmferry" prealloc --ram 80M --backing hugetlb "$@" \
			--json "$dir/r.json"
	) >"$dir/out" 2>"$dir/err"
	rc=$?
	rmdir "$group"
	[ "$rc" -eq 77 ] && return 77
	[ "$rc" -eq 1 ] && grep -q 'hugetlb.2MB.max by 40 MiB' "$dir/err" &&
		is '.samples[0].mapped_bytes == 41943040'
}

if more_pages 40; then
	free_before=$(cat $pool/free_hugepages)
	ram=$(($(cat $pool/free_hugepages) * 2 + 80))M
	fails_all "after some pages"
	is '.samples[0].mapped_bytes >= 83886080'
	result $? "what was there had been mapped"
	for method in serial split even populate best; do
		run prealloc --ram 80M --backing hugetlb --method $method \
			--threads 7 --json "$dir/r.json"
		[ "$rc" -eq 0 ] && documented &&
			is '.samples[0].memory.resident_2m_bytes == 83886080'
		result $? "hugetlb, $method ($err)"
	done
	run prealloc --ram 80M --backing memfd --page-size 2M --json "$dir/r.json"
	[ "$rc" -eq 0 ] && is '.samples[0].memory.resident_2m_bytes == 83886080'
	result $? "memfd of huge pages ($err)"
	for method in even populate; do
		fails_by_group --method $method
		code=$?
		[ $code -eq 77 ] || result $code "a cgroup's limit, $method"
	done
	if [ "$level" = all ]; then
		nr=0
		for i in {1..1000}; do
			case $((i % 3)) in
			0) run prealloc --ram "$ram" --backing hugetlb ;;
			1) run prealloc --ram "$ram" --backing hugetlb \
				--reserve off --method even --threads 5 ;;
			2) run prealloc --ram "$ram" --backing hugetlb \
				--reserve off ;;
			esac
			[ "$rc" -eq 1 ] && unpromised && nr=$((nr + 1))
		done
		free=$(cat $pool/free_hugepages)
		[ $nr -eq 1000 ] && [ "$free" -eq "$free_before" ]
		result $? "a thousand failures leave the pool as it was ($nr, $free free)"
	fi
	give_back
else
	echo "# no huge pages for the test: not root, or none to be had"
fi

# A file system that is too small.
mkdir "$dir/small"
if unshare -m mount -t tmpfs -o size=1m none "$dir/small" 2>/dev/null; then
	for method in even best; do
		unshare -m sh -c 'mount -t tmpfs -o size=8m none "$1" &&
			shift && exec "$@"' - "$dir/small" "$vmferry" prealloc \
			--ram 16M --backing "file:$dir/small" --method $method \
			--json "$dir/r.json" >"$dir/out" 2>"$dir/err"
		[ $? -eq 1 ] && grep -q 'file system lacks 8 MiB' "$dir/err" &&
			is '.samples[0].mapped_bytes | . > 0 and . <= 8388608'
		result $? "a file system that is full, $method ($(cat "$dir/err"))"
	done
fi
rmdir "$dir/small"

run prealloc --compare --ram 8M --repeat 1 --json "$dir/r.json"
[ "$rc" -eq 0 ] && documented && is '(.kinds | length) >= 2 and
	([.cells[] | select(.n == 1)] | length) == (.cells | length) and
	all(.cells[]; .time_to_limit_ratio > 0.1 and .limit_bytes_per_s > 0 and .pages_max >= .pages_min) and
	([.cells[].threads] | unique | contains([1, 2, 4, 8, 16])) and
	([.cells[].method] | unique | length) == 5'
result $? "a comparison has all methods and numbers of threads ($err)"
grep -q 'x limit' "$dir/out"
result $? "and a table"

if [ -r /dev/kvm ] && [ -w /dev/kvm ]; then
	run prealloc --compare --vmm both --ram 64M --repeat 1 --warmup 0 \
		--threads 2 --backing memfd --json "$dir/r.json"
	[ "$rc" -eq 0 ] && documented && is '([.machines[] | select(.vmm ==
		"mini") | .prealloc] | sort) == ["async", "off", "on"] and
		all(.machines[]; .start_ms > 0 and
		(.migrate_ms - .target_start_ms - .total_ms | fabs) < 0.01 and
		(.runs | length) == 1) and ([.machines[] | select(.prealloc ==
		"async") | .saved_ms] | all(. != null))'
	result $? "whole machines, with and without ($rc $err)"
fi

# The shell has SIGINT ignored for what it starts in the background.
env --default-signal=INT "$vmferry" prealloc --ram 32M --repeat 100000 \
	--json "$dir/r.json" >"$dir/out" 2>"$dir/err" &
pid=$!
until grep -q rate "$dir/out" 2>/dev/null; do sleep 0.05; done
kill -INT $pid
wait $pid
rc=$?
[ $rc -eq 130 ] && is '.verdict == "error" and (.samples | length) > 0 and
	any(.warnings[]; startswith("interrupted after"))'
result $? "Ctrl-C: exit code 130, what was finished is in the result ($rc)"

# rss ARG... - resident MiB of a machine of 64 MiB that has not run yet.
rss()
{
	local pid kib

	"$vmferry" vmm --ram 64M --paused --qmp "unix:$dir/vmm.sock" "$@" \
		>"$dir/out" 2>"$dir/err" </dev/null &
	pid=$!
	until [ -S "$dir/vmm.sock" ] || ! kill -0 $pid 2>/dev/null; do
		sleep 0.05
	done
	kib=$(sed -n 's/^VmRSS:[[:blank:]]*\([0-9]*\) kB/\1/p' /proc/$pid/status)
	kill $pid
	wait $pid
	echo $((kib >> 10))
}

# of_migrate - as documented(), of a migration.
of_migrate()
{
	"$check_result" "$(dirname "$schema")/results.schema.json" "$dir/r.json"
}

# spares WORD OPTION... - there is memory for one machine, not for two: the
# migration fails with the sentence and the remedy, the source goes on, right.
spares()
{
	local word=$1

	shift
	run migrate --ram 64M --backing hugetlb --before 100ms --after 100ms \
		--workload wss=48M,rate=20M --json "$dir/r.json" "$@"
	[ "$rc" -eq 1 ] && of_migrate && is '.verdict == "fail" and
		(.samples[0] | (.completed | not) and .source_after.running and
		.source_after.integrity.coverage_pct == 100 and
		([.source_after.integrity.bad[]] | add) == 0 and
		(.failure | test("'"$word"'")) and
		(.failure | test("more 2 MiB pages?: sysctl vm.nr_hugepages=")))' &&
		unpromised
}

# A target that has too little memory: at the mapping, the touch, the populating,
# and while the guest arrives. Twice over: the source holds its pages.
spares_all()
{
	local method

	spares 'cannot map' --prealloc on
	result $? "a target for which mmap has no pages: the source goes on" \
		"($rc $err)"
	for method in serial split even; do
		spares SIGBUS --prealloc $method --reserve off
		result $? "a target without pages, $method: SIGBUS ($rc $err)"
	done
	for method in populate best async; do
		spares EFAULT --prealloc $method --reserve off
		result $? "a target without pages, $method: EFAULT ($rc $err)"
	done
	run migrate --ram 512M --backing hugetlb --json "$dir/r.json"
	[ "$rc" -eq 77 ] && grep -Eq 'for source and target: [0-9]+ more 2 MiB' \
		"$dir/err"
	result $? "no pages for the source: what both need ($rc $err)"
}

if [ -r /dev/kvm ] && [ -w /dev/kvm ]; then
	free=$(cat $pool/free_hugepages 2>/dev/null || echo 64)
	[ "$free" -gt 40 ] || ! more_pages $((40 - free)) || spares_all
	give_back
	without=$(rss)
	for method in on split; do
		with=$(rss --prealloc $method --prealloc-threads 3)
		[ "$((with - without))" -ge 56 ]
		result $? "a machine, --prealloc $method: $without, $with MiB"
	done
	for when in on async split; do
		run migrate --ram 64M --backing memfd --prealloc $when \
			--prealloc-threads 2 --workload wss=16M,rate=10M \
			--before 200ms --after 1s --json "$dir/r.json"
		[ "$rc" -eq 0 ] && of_migrate && is '.params.prealloc_threads == 2 and
			.params.prealloc == "'$when'" and .verdict == "pass" and
			(.samples[0].prealloc | .mode == "'$when'" and
			.failure == null and (.done | not) == (.ms == null) and
			(if "'$when'" == "async" then .mapped_bytes > 0 else
			.done and .mapped_bytes == 67108864 end)) and
			("'$when'" == "async" or
			.samples[0].memory.target.resident_4k_bytes == 67108864)'
		result $? "a migration into preallocated memory ($when) is clean" \
			"($rc $err $(tail -n 3 "$dir/out"))"
	done
	run migrate --prealloc-threads 2
	[ "$rc" -eq 2 ] && grep -q 'goes with --prealloc' "$dir/err"
	result $? "threads for nothing are refused"
	run migrate --vmm qemu --backing memfd --reserve off
	[ "$rc" -eq 2 ] && grep -q 'is for --vmm mini' "$dir/err"
	result $? "and reserves its memory"
	# While a machine has its memory touched it is there, and says nothing.
	for what in 'boot --ram 3G' 'migrate --ram 2G' 'vmm --ram 3G'; do
		# shellcheck disable=SC2086 # words
		env --default-signal=INT "$vmferry" $what --prealloc serial \
			>"$dir/out" 2>"$dir/err" </dev/null &
		pid=$!
		sleep 0.15
		began=$(date +%s%N)
		kill -INT $pid
		wait $pid
		rc=$?
		took=$((($(date +%s%N) - began) / 1000000))
		{ [ $rc -eq 130 ] || { [ $rc -eq 0 ] && [ "${what%% *}" = vmm ]; }; } &&
			[ $took -lt 1000 ] && [ -z "$(left_running)" ]
		result $? "Ctrl-C while $what has its memory had ($rc, $took ms)"
	done
	run migrate --vmm qemu --prealloc even
	[ "$rc" -eq 2 ] && grep -q 'QEMU has its own way' "$dir/err"
	result $? "QEMU's way is its own"
fi

clean
result $? "nothing is left behind"
finish
