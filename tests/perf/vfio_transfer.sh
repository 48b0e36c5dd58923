#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# How near does the transfer of a device's state come to a bare relay: three
# processes, recv() and send(), from memory to memory? And v1 against v2.
#
# Usage: vfio_transfer.sh VMFERRY BARE_RELAY [ROUNDS] (5 rounds: a minute).
# All in turn in each round, medians; measures, and gates nothing.
set -u

vmferry=$1
relay=$2
rounds=${3:-5}
dir=$(mktemp -d) || exit 99
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait; rm -rf "$dir"' EXIT

# device NAME OPTION...
device()
{
	local name=$1 i

	shift
	"$vmferry" vfio device --socket "$dir/$name" --quiet "$@" \
		>"$dir/$name.out" &
	pids+=($!)
	for ((i = 0; i < 2000; i++)); do
		grep -qs ready "$dir/$name.out" && return
		sleep 0.01
	done
}

# move NAME REPEAT OPTION... - median ms and messages to $dir/NAME.OPTIONS
move()
{
	local name=$1 repeat=$2

	shift 2
	"$vmferry" vfio transfer --from "$dir/$name.a" --to "$dir/$name.b" \
		--repeat "$repeat" --warmup 1 --reset --json "$dir/r.json" \
		"$@" >/dev/null 2>&1 || return
	jq -r '.summary | "\(.total_ms.median) \(.messages_from.median +
		.messages_to.median)"' "$dir/r.json" >>"$dir/$name.$*"
}

# median FILE COLUMN
median()
{
	sort -g -k "$2" "$1" | awk -v c="$2" '{ v[NR] = $c }
		END { print v[int((NR + 1) / 2)] }'
}

repeats=(200 100 3)
sizes=(1K 1M 1G)
bytes=(1024 1048576 1073741824)
ways=("--chunk 64K --depth 1" "--chunk 64K --depth 4" "--chunk 1M --depth 4")
for i in 0 1 2; do
	for version in v2 v1; do
		device "${sizes[i]}$version.a" --state-size "${sizes[i]}" \
			--protocol $version
		device "${sizes[i]}$version.b" --state-size "${sizes[i]}" \
			--protocol $version
	done
	for ((n = 0; n < rounds; n++)); do
		for piece in 65536 1048576; do
			"$relay" "${bytes[i]}" $piece "${repeats[i]}" \
				>>"$dir/relay.${sizes[i]}.$piece"
		done
		for version in v2 v1; do
			for way in "${ways[@]}"; do
				# shellcheck disable=SC2086 # words
				move "${sizes[i]}$version" "${repeats[i]}" $way
			done
		done
	done
	kill "${pids[@]}"
	wait
	pids=()
done

printf '%-5s %-9s %-24s %10s %10s %8s\n' state protocol options ms relay/ours \
	messages
for size in "${sizes[@]}"; do
	for piece in 65536 1048576; do
		printf '%-5s %-9s %-24s %10.3f\n' "$size" relay "$piece" \
			"$(median "$dir/relay.$size.$piece" 1)"
	done
	for version in v2 v1; do
		for way in "${ways[@]}"; do
			piece=65536
			[ "${way#*1M}" = "$way" ] || piece=1048576
			ours=$(median "$dir/$size$version.$way" 1)
			bare=$(median "$dir/relay.$size.$piece" 1)
			printf '%-5s %-9s %-24s %10.3f %10.2f %8.0f\n' "$size" \
				$version "$way" "$ours" \
				"$(jq -n "$bare / $ours")" \
				"$(median "$dir/$size$version.$way" 2)"
		done
	done
done
