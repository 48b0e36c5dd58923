#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Is a downtime limit kept, and does the blackout follow from what was left?
#
# Usage: downtime.sh VMFERRY [RAM_MIB [RUNS [RATE]]] (1024, 10, 100M). For
# limits of 20, 50, 100 and 300 ms, ours and QEMU's in turn: medians of the
# downtime, the blackout, and of the blackout divided by what it must be at
# least: the last round at the bandwidth of the rounds before, and the state's
# time (save, transfer, load, resume). QEMU says neither: there the quotient is
# missing. The last line is a guest at rest. Measures, and gates nothing.
set -u

vmferry=$1
ram=${2:-1024}
runs=${3:-10}
rate=${4:-100M}
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
vmms=(mini)
! command -v qemu-system-x86_64 >/dev/null || vmms+=(qemu)

# Keys: limit, VMM. A line of downtime, blackout and quotient for each run.
one()
{
	local into=$1 vmm=$2

	shift 2
	"$vmferry" migrate --vmm "$vmm" --ram "${ram}M" --before 500ms \
		--after 500ms --verify after --progress never --relay off \
		--json "$dir/r.json" "$@" >"$dir/out" 2>&1 || {
		cat "$dir/out" >&2
		return
	}
	jq -r '.samples[0] | . as $s | .waterfall as $w |
		(.rounds[:-1] | map(select(.wire_bytes != null)) |
			max_by(.wire_bytes)) as $big |
		(if $w.device_save_ms == null or $big == null then null else
			(.rounds[-1].wire_bytes / ($big.wire_bytes /
				$big.duration_ms)) + $w.stop_ms +
			$w.device_save_ms + $w.device_load_ms +
			$w.resume_ms + ($w.first_step_ms // 0) end) as $least |
		"\($s.downtime_ms) \($s.blackout_ms // "-") \(if $least == null
			or $s.blackout_ms == null then "-" else
			$s.blackout_ms / $least end)"' "$dir/r.json" \
		>>"$dir/$into"
}

median()
{
	awk -v c="$2" '$c != "-" { print $c }' "$1" | sort -g |
		awk '{ v[NR] = $1 }
		END { h = int(NR / 2); odd = NR % 2
		if (!NR) print "-"
		else if (odd) printf "%.2f\n", v[h + 1]
		else printf "%.2f\n", (v[h] + v[h + 1]) / 2 }'
}

row()
{
	[ ! -s "$dir/$1" ] || printf '%-8s %-5s %5d %12s %12s %12s\n' "$2" \
		"$3" "$(wc -l <"$dir/$1")" "$(median "$dir/$1" 1)" \
		"$(median "$dir/$1" 2)" "$(median "$dir/$1" 3)"
}

limits=(20 50 100 300)
for ((i = 0; i < runs; i++)); do
	for vmm in "${vmms[@]}"; do
		for limit in "${limits[@]}"; do
			one "$limit.$vmm" "$vmm" --downtime-limit "${limit}ms" \
				--workload "rate=$rate,wss=$((ram / 2))M"
		done
		one "idle.$vmm" "$vmm" --idle --workload "wss=$((ram / 2))M"
	done
done
printf '%-8s %-5s %5s %12s %12s %12s\n' limit VMM runs 'downtime ms' \
	'blackout ms' '/ at least'
for limit in "${limits[@]}"; do
	for vmm in "${vmms[@]}"; do
		row "$limit.$vmm" "$limit ms" "$vmm"
	done
done
for vmm in "${vmms[@]}"; do
	row "idle.$vmm" "at rest" "$vmm"
done
