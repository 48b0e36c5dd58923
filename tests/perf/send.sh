#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What do copies of pages cost on the way out? Pages sent by address (iovec)
# against pages copied into a stream buffer first (copy), and MSG_ZEROCOPY over
# TCP beside plain TCP: source side, all in turn in each round.
#
# Usage: send.sh VMFERRY [RAM_MIB [ROUNDS]] (512 MiB, 5 rounds: two minutes).
# The guest is at rest after it wrote all of its memory in sequence, then writes
# in sequence and at random while it is migrated. Medians; measures, and gates
# nothing.
set -u

vmferry=$1
ram=${2:-512}
rounds=${3:-5}
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
cases=(rest sequential random)
ways=(iovec "iovecs 16" copy tcp zerocopy)

options_of()
{
	case $1 in
	iovec) echo "--transport unix" ;;
	"iovecs 16") echo "--transport unix --iovecs 16" ;;
	copy) echo "--transport unix --send copy" ;;
	tcp) echo "--transport tcp" ;;
	zerocopy) echo "--transport tcp --zerocopy on" ;;
	esac
}

workload_of()
{
	case $1 in
	rest) echo "--before 0s --idle --workload pattern=sequential" ;;
	*) echo "--before 200ms --workload pattern=$1,rate=200M" ;;
	esac
}

# A line of copied bytes and CPU seconds a GiB, iovecs a page, writes a GiB,
# calls without a copy that were copied after all in per cent.
measure()
{
	# shellcheck disable=SC2046 # words
	"$vmferry" migrate --vmm mini --ram "${ram}M" --relay off \
		--after 100ms --verify after --progress never \
		--json "$dir/r.json" $(options_of "$2") $(workload_of "$1"),wss="$((ram - 64))"M \
		>"$dir/out" 2>&1 || {
		cat "$dir/out" >&2
		return
	}
	jq -r '.samples[0] | (.rounds | map(.pages - .zero_pages) | add * 4096
		/ 1073741824) as $gib | .send | "\(.copied_bytes_per_gib
		/ 1073741824) \(.source_cpu_s_per_gib) \(.iovecs_per_page) \(
		.writes / $gib) \(100 * .zerocopy_copied
		/ ([.zerocopy_writes, 1] | max))"' "$dir/r.json" >>"$dir/$1.$2"
}

# median FILE COLUMN
median()
{
	awk -v c="$2" '{ print $c }' "$1" | sort -g | awk '{ v[NR] = $1 }
		END { h = int(NR / 2)
		print NR % 2 ? v[h + 1] : (v[h] + v[h + 1]) / 2 }'
}

row()
{
	local file="$dir/$1.$2" base="$dir/$1.$3"

	[ -s "$file" ] && [ -s "$base" ] || return
	printf '%-11s %-10s %7.2f %9.4f %7.2f %9.4f %8.0f %7.0f\n' "$1" "$2" \
		"$(median "$file" 1)" "$(median "$file" 2)" \
		"$(awk -v a="$(median "$file" 2)" -v b="$(median "$base" 2)" \
			'BEGIN { print a / b }')" \
		"$(median "$file" 3)" "$(median "$file" 4)" \
		"$(median "$file" 5)"
}

for ((i = 0; i < rounds; i++)); do
	for case in "${cases[@]}"; do
		for way in "${ways[@]}"; do
			measure "$case" "$way"
		done
	done
done
printf '%d rounds, %d MiB; CPU of the source; "/base": of copy, of tcp\n' \
	"$rounds" "$ram"
printf '%-11s %-10s %7s %9s %7s %9s %8s %7s\n' guest way GiB/GiB CPUs/GiB \
	/base iov/page writes copied%
for case in "${cases[@]}"; do
	row "$case" copy copy
	row "$case" iovec copy
	row "$case" "iovecs 16" copy
	row "$case" tcp tcp
	row "$case" zerocopy tcp
done
