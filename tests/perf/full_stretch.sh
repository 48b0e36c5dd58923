#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# How fast do guests at rest go over a UNIX socket: ours, QEMU's plain stream,
# QEMU's multifd with two channels, and a bare loop of send() and recv()?
#
# Usage: full_stretch.sh VMFERRY STRETCH_LOOP [RAM_MIB [ROUNDS [OPTIONS [STATE]]]]
# (2048 MiB, 10 rounds; STATE: cold or warm, that one only). All four in turn in each round, so that what the host
# does to one it does to all; OPTIONS are further options of `vmferry migrate`
# for the three, such as --backing thp, which the loop takes too. Cold: the target's memory is not there
# yet. Warm: it is (preallocated, if this vmferry has --prealloc). A table of
# medians, MiB/s of random content and CPU seconds per GiB of both sides, and
# what was stolen meanwhile. Measures, and gates nothing.
set -u

vmferry=$1
loop=$2
ram=${3:-2048}
rounds=${4:-10}
options=${5:-}
work=$((ram - 64))
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
names=(loop mini multi plain multifd)
states=(cold)
! "$vmferry" migrate --help | grep -q -- '--prealloc' || states+=(warm)
[ -z "${6:-}" ] || states=("$6")
thp=()
[[ $options != *"--backing thp"* ]] || thp=(thp)
vmms=(mini)
! command -v qemu-system-x86_64 >/dev/null || vmms+=(qemu)

# One line "MILLISECONDS CPU_SECONDS MIB" into the file of that name and state.
migrate()
{
	local into=$1 warm=()

	shift
	[ "${into##*.}" = cold ] || warm=(--prealloc on)
	# shellcheck disable=SC2086 # words
	"$vmferry" migrate --ram "${ram}M" --idle --transport unix \
		--relay off --before 0s --after 100ms --verify after \
		--workload "wss=${work}M" --progress never --json "$dir/r.json" \
		"${warm[@]}" $options "$@" >"$dir/out" 2>&1 || {
		cat "$dir/out" >&2
		return
	}
	jq -r --argjson mib "$work" '.samples[0] | "\(.total_ms) \(
		.cpu_s.source + .cpu_s.target) \($mib)"' "$dir/r.json" \
		>>"$dir/$into"
	jq -r '.context.noise | "\(.steal_pct // 0) \(.grade)"' "$dir/r.json" \
		>>"$dir/noise"
}

bare()
{
	"$loop" "$work" "${1##*.}" "${thp[@]}" | sed "s/\$/ $work/" >>"$dir/$1"
}

one_round()
{
	local state=$1 vmm

	bare "loop.$state"
	for vmm in "${vmms[@]}"; do
		case $vmm in
		mini)
			migrate "mini.$state" --vmm mini
			migrate "multi.$state" --vmm mini --channels 2
			;;
		qemu)
			migrate "plain.$state" --vmm qemu
			migrate "multifd.$state" --vmm qemu --channels 2
			;;
		esac
	done
}

# median COLUMN-EXPRESSION FILE
median()
{
	awk "{ print $1 }" "$2" | sort -g | awk '{ v[NR] = $1 }
		END { h = int(NR / 2); odd = NR % 2
		if (odd) print v[h + 1]; else print (v[h] + v[h + 1]) / 2 }'
}

row()
{
	local name=$1 state=$2 rate cpu loop_rate loop_cpu

	[ -s "$dir/$name.$state" ] || return
	# shellcheck disable=SC2016 # awk has its own $
	rate=$(median '$3 / $1 * 1000' "$dir/$name.$state")
	# shellcheck disable=SC2016
	cpu=$(median '$2 / $3 * 1024' "$dir/$name.$state")
	# shellcheck disable=SC2016
	loop_rate=$(median '$3 / $1 * 1000' "$dir/loop.$state")
	# shellcheck disable=SC2016
	loop_cpu=$(median '$2 / $3 * 1024' "$dir/loop.$state")
	awk -v n="$name" -v s="$state" -v r="$rate" -v c="$cpu" \
		-v lr="$loop_rate" -v lc="$loop_cpu" 'BEGIN {
		text["loop"] = "bare send/recv loop"
		text["mini"] = "vmferry"
		text["multi"] = "vmferry, 2 channels"
		text["plain"] = "QEMU"
		text["multifd"] = "QEMU multifd, 2 channels"
		printf "%-5s %-25s %7.0f %6.2f %8.3f %6.2f\n", s, text[n], r,
			r / lr, c, c / lc }'
}

for ((i = 0; i < rounds; i++)); do
	for state in "${states[@]}"; do
		one_round "$state"
	done
done
printf '%-5s %-25s %7s %6s %8s %6s\n' "" "$rounds rounds, $work MiB" MiB/s \
	"/loop" CPUs/GiB "/loop"
for state in "${states[@]}"; do
	for name in "${names[@]}"; do
		row "$name" "$state"
	done
done
awk '{ if ($1 > most) most = $1
	sum += $1
	grades = grades $2 }
	END { printf "steal: mean %.2f %%, at most %.2f %%; grades %s\n",
		sum / NR, most, grades }' "$dir/noise"
