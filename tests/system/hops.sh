#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does a guest go to and fro at work, and are soaks, comparisons and failure
# bundles what they say?
# shellcheck disable=SC2016 # jq has its own $
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

common="--ram 128M --before 200ms --after 200ms"
work=rate=50M,wss=32M

# went HOPS ARG... - one run of so many hops, each right, the last in full.
went()
{
	local hops=$1 good=0

	shift
	# shellcheck disable=SC2086 # words
	run migrate $common --workload "$work" --hops "$hops" \
		--json "$dir/r.json" "$@"
	[ "$rc" -eq 0 ] || good=1
	is ".verdict == \"pass\" and
		[.samples[].hop] == [range(1; $hops + 1)]" || good=1
	is '[.samples[] | .completed and .repeat == 1 and
		.vcpu_state.compared > 0 and .vcpu_state.differing == [] and
		([.integrity.bad[]] | add == 0)] | all' || good=1
	is '.samples[-1].integrity | .coverage_pct == 100 and
		(.verified | contains(["after"]))' || good=1
	documented || good=1
	clean || good=1
	result $good "$hops hops: $*"
}

went 3 --vmm mini
is '[.samples[:-1][].integrity | .coverage_pct == null and
	.verified == ["inline"]] | all'
result $? "before the last hop nobody stops the guest"
is '[.warnings[] | select(startswith("integrity.coverage_pct is null: before"))]
	| length == 1'
result $? "and the result says why that coverage is null"
went 2 --vmm mini --cpus 2 --verify switchover,inline,after
is '.samples[0].integrity | .coverage_pct == 100 and
	.verified == ["switchover", "inline"]'
result $? "a look at the switchover is one at each hop"
if command -v qemu-system-x86_64 >/dev/null; then
	went 2 --vmm qemu --machine microvm --accel kvm
	[ "$level" = quick ] || went 3 --vmm qemu --accel tcg
	[ "$level" = quick ] || went 5 --vmm qemu --machine microvm
fi
[ "$level" = quick ] || went 10 --vmm mini
# Thirty-two vCPUs for each core of a small host.
[ "$level" = quick ] || went 10 --vmm mini --cpus 64 --ram 512M
work='wss=32M,phases=pattern:random&rate:50M/70ms;pattern:hotcold&rate:90M/50ms'
went 3 --vmm mini --cpus 2
work=rate=50M,wss=32M

# Damage at the last hop; the hops before it are clean.
good=0
# shellcheck disable=SC2086 # words
run migrate $common --vmm mini --workload "$work" --hops 2 --before 500ms \
	--after 500ms --sabotage stale:2 --bundle "$dir/bad" --json "$dir/r.json"
[ "$rc" -eq 1 ] || good=1
is '.samples | length == 2 and .[0].sabotage == null and
	(.[1].sabotage | .found == 2 and .invented == [])' || good=1
# One epoch: the working set was filled once, the state planted at each hop.
[ "$(cat "$dir"/bad/*.console | grep -c 'event filled epoch=1')" -eq 1 ] ||
	good=1
[ "$(cat "$dir"/bad/*.console | grep -c 'ok planted=')" -eq 2 ] || good=1
rm -rf "$dir/bad"
documented || good=1
clean || good=1
result $good "sabotage strikes at the last hop and is found"

# A target killed at the last hop leaves the guest at its source.
good=0
# shellcheck disable=SC2086 # words
run migrate $common --vmm mini --workload "$work" --hops 2 \
	--fault kill-target@ready --json "$dir/r.json"
[ "$rc" -eq 1 ] || good=1
is '.samples | length == 2 and .[0].completed and .[1].completed == false and
	.[1].source_after.running' || good=1
documented || good=1
clean || good=1
result $good "a target killed at the last hop: the source goes on"

# Two pairs, in turn.
good=0
# shellcheck disable=SC2086 # words
run migrate $common --vmm mini --workload "$work" --repeat 2 \
	--ab "--downtime-limit 50ms --backing 'memfd'" --json "$dir/r.json"
[ "$rc" -eq 0 ] || good=1
is '[.samples[] | .variant + (.repeat | tostring)] ==
	["a1", "b1", "a2", "b2"]' || good=1
is '.params.backing == "anon" and .params.b.backing == "memfd" and
	.params.b.downtime_limit_ms == 50' || good=1
is '.summary.total_ms.n == 4 and .summary_by_variant.a.total_ms.n == 2 and
	.summary_by_variant.b.total_ms.n == 2' || good=1
is '.difference | .method != "" and (.figures.total_ms | .n == 2 and
	.ci95_low == null)' || good=1
# shellcheck disable=SC2016 # of jq
is '[.samples[].total_ms] as $t | .difference.figures.total_ms.median as $d |
	($d - (($t[1] - $t[0]) + ($t[3] - $t[2])) / 2) | fabs < 0.001' || good=1
grep -q '^total_ms' "$dir/out" || good=1
documented || good=1
clean || good=1
result $good "two pairs of A and B"

# A soak ends by itself, and without a bundle if all was well.
good=0
begin=$SECONDS
# shellcheck disable=SC2086 # words
(cd "$dir" && run migrate $common --vmm mini --workload "$work" --hops 2 \
	--for 8s --json "$dir/r.json" && exit "$rc") || good=1
took=$((SECONDS - begin))
[ $took -ge 8 ] && [ $took -lt 40 ] || good=1
is '.samples | length >= 4 and (map(.completed) | all)' || good=1
documented || good=1
clean || good=1
result $good "a soak of 8 s: $took s"

# It stops at the first failure and leaves its bundle where it was started.
good=0
# shellcheck disable=SC2086 # words
(cd "$dir" && run migrate $common --vmm mini --workload "$work" --for 60s \
	--before 500ms --sabotage zero --json "$dir/r.json"
exit "$rc")
[ $? -eq 1 ] || good=1
is '.samples | length == 1' || good=1
[ -s "$(echo "$dir"/vmferry-failure-*Z/replay.sh)" ] || good=1
rm -rf "$dir"/vmferry-failure-*Z
documented || good=1
clean || good=1
result $good "a soak stops at the first failure"

# The bundle has every file, and does the same again.
good=0
# shellcheck disable=SC2086 # words
run migrate $common --vmm mini --workload "$work" --before 500ms --seed 7 \
	--sabotage flip:3 --bundle "$dir/bad bundle" --json "$dir/r.json"
[ "$rc" -eq 1 ] && grep -q 'Failure bundle: .*bad bundle' "$dir/out" || good=1
is '.bundle | endswith("/bad bundle")' || good=1
for file in result.json params.json source.log target.log source.console \
	target.console earlier.log earlier.console source-migrate.json \
	target-migrate.json bad-pages.json replay.sh; do
	[ -e "$dir/bad bundle/$file" ] || { echo "# no $file"; good=1; }
done
[ "$(jq '[.[] | select(.differs_now)] | length' \
	"$dir/bad bundle/bad-pages.json")" = 3 ] || good=1
for page in "$dir/bad bundle"/pages/*.found; do
	[ "$(cmp -l "$page" "${page%.found}.expected" | wc -l)" -eq 1 ] ||
		good=1
done
[ "$(jq -c '.sabotage.gfns' "$dir/bad bundle/result.json")" = \
	"$(jq -c '.samples[0].sabotage.gfns' "$dir/r.json")" ] || good=1
result $good "a failure bundle has all that is known"

good=0
(cd / && VMFERRY=$vmferry "$dir/bad bundle/replay.sh") >"$dir/out" 2>"$dir/err"
[ $? -eq 1 ] || good=1
jq -e '.samples[0].sabotage | .seed == 7 and .found == 3' \
	"$dir/bad bundle/replay.json" >/dev/null || good=1
result $good "its replay.sh does it again"

run migrate --bundle "$dir/bad bundle"
[ "$rc" -eq 2 ] && [[ $err == *"there already"* ]]
result $? "a bundle overwrites nothing"
rm -rf "$dir/bad bundle"
for wrong in '--json x' '--repeat 3' '--seed 9' '--nonsense' '--help' \
	"--ram '1G"; do
	run migrate --ab "$wrong"
	[ "$rc" -eq 2 ] && [[ $err == *--ab* ]]
	result $? "--ab '$wrong' is refused ($err)"
done
run migrate --hops 0
[ "$rc" -eq 2 ] && [[ $err == *"--hops 0 is out of range"* ]]
result $? "--hops 0 is refused"
finish
