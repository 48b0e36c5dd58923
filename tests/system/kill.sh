#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Is a target killed at any point harmless before `go`, and never doubled
# after it?
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

common="--ram 256M --cpus 2 --before 300ms --after 200ms --max-bandwidth 150M
	--downtime-limit 20ms"
phases="setup round:1 round:2 round:3 final-ram state ready"

# survives PHASE ARG... - before go: the source goes on, whole.
survives()
{
	local phase=$1 good=0

	shift
	# shellcheck disable=SC2086 # words
	run migrate $common --workload rate=60M,wss=64M "$@" \
		--fault "kill-target@$phase" --json "$dir/r.json"
	[ "$rc" -eq 1 ] || good=1
	is '.verdict == "fail" and .samples[0].completed == false' || good=1
	is '.samples[0].source_after | .running and
		([.integrity.bad[]] | add == 0) and
		.integrity.coverage_pct == 100' || good=1
	documented || good=1
	clean || good=1
	result $good "killed at $phase: the source goes on, every byte right $*"
}

for phase in $phases; do
	survives "$phase"
	case $level$phase in
	quickround:2 | quickstate | all*) survives "$phase" --channels 4 ;;
	esac
done

good=0
# shellcheck disable=SC2086 # words
run migrate $common --workload rate=60M,wss=64M \
	--fault kill-target@committed --json "$dir/r.json"
[ "$rc" -eq 1 ] || good=1
is '.samples[0] | .completed == false and .two_runners == false and
	.source_after.running == false' || good=1
documented || good=1
clean || good=1
result $good "killed after go: the source stands still"
finish
