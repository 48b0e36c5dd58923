#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does a compression engine get on with many threads? Threads 1 to 16, waiting
# for one or not, both engines, on a guest that rewrites its memory all the time
# over a link that is too narrow for it without compression.
#
# Usage: compress_table.sh VMFERRY [RAM_MIB [RUNS [LINK [RATE [THREADS
#        [OPTIONS]]]]]] (1024, 1, 100M, 30M, "1 2 4 8 16"); OPTIONS are further
# ones of `vmferry migrate`, such as "--compress zstd --compress-batch 16". All
# cells in turn in each run; medians. A migration that takes longer than 18 s
# counts as one that does not converge.
#
# Columns: total; share of pages that went uncompressed because no thread had
# room; CPU seconds of all workers and of the submitting thread; how many
# converged; per 1000 pages that the workers took: how often these slept
# (voluntary context switches) and futex calls of all. Measures, gates nothing.
# Takes about 6 minutes, at most 8.
set -u

vmferry=$1
ram=${2:-1024}
runs=${3:-1}
link=${4:-100M}
rate=${5:-30M}
threads=${6:-1 2 4 8 16}
options=${7:-}
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT

# A line for the cell: total busy worker-CPU submitter-CPU converged switches
# futexes. What has no value is "-".
cell()
{
	local engine=$1 wait=$2 n=$3

	# shellcheck disable=SC2086 # words
	"$vmferry" migrate --ram "${ram}M" --before 200ms --after 100ms \
		--verify after --timeout 18s --link-rate "$link" \
		--workload "rate=$rate,wss=$((ram - 64))M,content=r:4,write=page" \
		--compress zlib --compress-level 1 --compress-batch 1 \
		--compress-threads "$n" --compress-wait "$wait" \
		--engine "$engine" --decompress-threads 2 \
		--progress never --json "$dir/r.json" $options >"$dir/out" 2>&1
	[ $? -le 1 ] || {
		cat "$dir/out" >&2
		return
	}
	jq -r '.samples[0] as $s | $s.vmm_reported["x-vmferry"].compression as $c
		| ($c.workers | map(.pages) | add) as $pages
		| ($c.workers | map(.["cpu-ns"]) | add / 1e9) as $cpu
		| ($c.workers | map(.["voluntary-switches"]) | add) as $sleeps
		| ($c["futex-calls"] + ($c.workers | map(.["futex-calls"]) |
			add)) as $calls
		| [(if $s.completed then $s.total_ms | round else "-" end),
		$c["busy-pages"] / ([$c["busy-pages"] + $c.pages, 1] | max),
		$cpu, $s.cpu_s.source - $cpu,
		(if $s.completed then 1 else 0 end),
		$sleeps * 1000 / ([$pages, 1] | max),
		$calls * 1000 / ([$pages, 1] | max)] | map(tostring) |
		join(" ")' "$dir/r.json" >>"$dir/$engine.$wait.$n"
}

# median FILE COLUMN FORMAT
median()
{
	awk -v c="$2" '$c != "-" { print $c }' "$1" | sort -g |
		awk -v f="$3" '{ v[NR] = $1 }
		END { h = int(NR / 2)
		if (!NR) print "-"
		else printf f, NR % 2 ? v[h + 1] : (v[h] + v[h + 1]) / 2 }'
}

row()
{
	local file=$dir/$1.$2.$3

	[ -s "$file" ] || return
	printf '%7s %-4s %-7s %8s %6s %9s %9s %6s %9s %9s\n' "$3" "$2" "$1" \
		"$(median "$file" 1 %.0f)" "$(median "$file" 2 %.3f)" \
		"$(median "$file" 3 %.2f)" "$(median "$file" 4 %.2f)" \
		"$(awk '{ n += $5 } END { print n "/" NR }' "$file")" \
		"$(median "$file" 6 %.1f)" "$(median "$file" 7 %.1f)"
}

for ((i = 0; i < runs; i++)); do
	for n in $threads; do
		for wait in off on; do
			for engine in locked ring; do
				cell "$engine" "$wait" "$n"
			done
		done
	done
done
printf '%7s %-4s %-7s %8s %6s %9s %9s %6s %9s %9s\n' threads wait engine \
	'total ms' busy 'workers s' 'submit s' 'done' 'sleeps/k' 'futex/k'
for n in $threads; do
	for wait in off on; do
		for engine in locked ring; do
			row "$engine" "$wait" "$n"
		done
	done
done
