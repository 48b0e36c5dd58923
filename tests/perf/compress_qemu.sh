#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Our compression beside QEMU's, with the same guest, codec, level and threads.
#
# Usage: compress_qemu.sh VMFERRY [PART [RUNS [RAM_MIB]]], PART one of
#   link    (default) the link is capped at 100 MiB/s by the relay, and by
#           nothing else; 50 MB/s of random rewriting that zlib makes four times
#           smaller. 5 runs take about 10 minutes, 3 runs 6.
#   limit   QEMU's own max-bandwidth of 100 MiB/s instead of the relay's cap:
#           what it does to the compressed modes. 2 runs, 3 minutes.
#   locked  is our engine of the old kind as good as QEMU's? Pages a second and
#           CPU of both, no limit on the link. 5 runs, 4 minutes.
# All settings in turn in each run; medians. Wire bytes are the relay's. CPU is
# that of both sides, all threads but the vCPUs'. Measures, and gates nothing.
set -u

vmferry=$1
part=${2:-link}
case $part in
limit) runs=${3:-2} ;;
*) runs=${3:-5} ;;
esac
ram=${4:-1024}
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
command -v qemu-system-x86_64 >/dev/null || {
	echo "no qemu-system-x86_64" >&2
	exit 77
}

workload="rate=50MB,wss=$((ram - 64))M,content=r:4"
cap=(--link-rate 100M)
zlib='--compress zlib --compress-level 1 --compress-threads 2'
zstd='--compress zstd --compress-level 1 --compress-threads 2'
two='--channels 2'
b1='--compress-batch 1'
b16='--compress-batch 16'
# NAME|OPTIONS
rows=()
case $part in
link)
	rows=(
		"QEMU plain|--vmm qemu"
		"ours plain|--vmm mini"
		"QEMU compress, wait off|--vmm qemu $zlib --compress-wait off"
		"ours zlib, wait off, batch 1|--vmm mini $zlib --compress-wait off $b1"
		"ours zlib, wait off, batch 16|--vmm mini $zlib --compress-wait off $b16"
		"QEMU compress, wait on|--vmm qemu $zlib"
		"ours zlib, wait on, batch 1|--vmm mini $zlib $b1"
		"ours zlib, wait on, batch 16|--vmm mini $zlib $b16"
		"QEMU multifd-zlib 2|--vmm qemu $zlib $two"
		"ours zlib, 2 channels, batch 1|--vmm mini $zlib $two $b1"
		"ours zlib, 2 channels, batch 16|--vmm mini $zlib $two $b16"
		"QEMU multifd-zstd 2|--vmm qemu $zstd $two"
		"ours zstd, 2 channels, batch 1|--vmm mini $zstd $two $b1"
		"ours zstd, 2 channels, batch 16|--vmm mini $zstd $two $b16"
	)
	;;
limit)
	cap=(--relay on --max-bandwidth 100M)
	rows=(
		"QEMU plain|--vmm qemu"
		"QEMU compress, wait off|--vmm qemu $zlib --compress-wait off"
		"QEMU compress, wait on|--vmm qemu $zlib"
		"QEMU multifd-zlib 2|--vmm qemu $zlib $two"
		"QEMU multifd-zstd 2|--vmm qemu $zstd $two"
	)
	;;
locked)
	# The relay would be a third who wants CPU. (UNIX sockets: of QEMU
	# nobody counts the bytes then.)
	cap=(--relay off --transport unix)
	workload="rate=20MB,wss=$((ram - 64))M,content=r:4"
	locked="--vmm mini --engine locked $b1"
	rows=(
		"QEMU compress, wait on|--vmm qemu $zlib"
		"ours locked, wait on|$locked $zlib"
		"QEMU compress, wait off|--vmm qemu $zlib --compress-wait off"
		"ours locked, wait off|$locked $zlib --compress-wait off"
	)
	;;
*)
	echo "compress_qemu.sh: no such part: $part" >&2
	exit 2
	;;
esac

# A line: total blackout wire-MiB CPU pages/s CPU-us/page wire-MiB/s. Pages are
# those with content that were sent, compressed or not.
one()
{
	local file=$dir/$1

	shift
	"$vmferry" migrate --ram "${ram}M" --before 200ms --after 100ms \
		--verify after --timeout 60s --progress never \
		--workload "$workload" "${cap[@]}" --json "$dir/r.json" "$@" \
		>"$dir/out" 2>&1
	[ $? -le 1 ] || {
		cat "$dir/out" >&2
		return
	}
	jq -r '.samples[0] as $s | $s.vmm_reported as $v |
		(if $v["x-vmferry"] == null
		then ($v.compression.pages // 0) + $v.ram.normal
		else $s.rounds | map(.pages - .zero_pages) | add end) as $pages
		| ($s.cpu_s.source + $s.cpu_s.target) as $cpu
		| (if $s.wire_bytes == null then null
			else $s.wire_bytes / 1048576 end) as $wire
		| if $s.completed then
		[$s.total_ms, ($s.blackout_ms // "-"), ($wire // "-"), $cpu,
		$pages * 1000 / $s.total_ms, $cpu * 1e6 / $pages,
		(if $wire == null then "-"
			else $wire * 1000 / $s.total_ms end)]
		else ["-", "-", "-", "-", "-", "-", "-"] end |
		map(tostring) | join(" ")' "$dir/r.json" >>"$file"
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

for ((i = 0; i < runs; i++)); do
	for n in "${!rows[@]}"; do
		# shellcheck disable=SC2086 # words
		one "$n" ${rows[n]#*|}
	done
done
printf '%-32s %5s %8s %11s %9s %6s %8s %8s %10s\n' "$part, $runs runs" 'done' \
	'total ms' 'blackout ms' 'wire MiB' 'CPU s' 'pages/s' 'CPU us/p' \
	'wire MiB/s'
for n in "${!rows[@]}"; do
	file=$dir/$n
	[ -s "$file" ] || continue
	printf '%-32s %5s %8s %11s %9s %6s %8s %8s %10s\n' "${rows[n]%%|*}" \
		"$(grep -vc '^-' "$file")/$(wc -l <"$file")" \
		"$(median "$file" 1 %.0f)" "$(median "$file" 2 %.1f)" \
		"$(median "$file" 3 %.0f)" "$(median "$file" 4 %.2f)" \
		"$(median "$file" 5 %.0f)" "$(median "$file" 6 %.1f)" \
		"$(median "$file" 7 %.1f)"
done
