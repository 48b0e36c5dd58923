#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does the frontier lie where the link's bandwidth puts it, does no late or
# damaged migration count, and is wrong use refused?
# shellcheck disable=SC2016 # jq has its own $
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

refused()
{
	local want=$1

	shift
	run frontier "$@"
	[ "$rc" -eq 2 ] && [ "$(wc -l <"$dir/err")" -eq 1 ] &&
		grep -q -e "$want" "$dir/err"
	result $? "refused: $* ($err)"
}

refused "whole milliseconds such as 50ms, not '0'" --downtime-limits 0
refused "not '1us'" --downtime-limits 50ms,1us
refused "or none, not '0'" --bandwidths 0
refused "or none, not ''" --bandwidths 100M,
refused "at most 16 values" --bandwidths \
	1M,2M,3M,4M,5M,6M,7M,8M,9M,10M,11M,12M,13M,14M,15M,16M,17M
refused "0.1% to 1000%, not 'nan'" --resolution nan
refused "rate-min is above" --rate-min 2M --rate-max 1M
refused "no rate could pass" --tries 3 --need 4
refused "takes 'NAME: OPTIONS', not 'mini'" --variant mini
refused "two variants are called a" --variant a: --variant a:
refused "variant a: a quote is not closed" --variant "a: 'x"
refused "variant a: unknown option --json" --variant 'a: --json x'
refused "variant a: unknown option --tries" --variant 'a: --tries 5'
refused "variant b: .*rate is what is searched" --variant a: \
	--variant 'b: --workload rate=5M'
refused "rate is what is searched" --workload rate=5M
refused "unknown option --link-rate" --link-rate 5M
refused "unknown option --repeat" --repeat 5
refused "has no rounds" --transport memfd

run frontier --dry-run --bandwidths 10M,none --variant 'a:' \
	--variant 'b: --channels 2' --rate-min 1M --rate-max 4M --tries 5 \
	--resolution 100
# 2 variants, 2 bandwidths, 2 limits; both ends and one between; 5 tries
[ "$rc" -eq 0 ] && jq -e '.max_tries == 120 and .need == 3 and
	.bandwidths_bytes_per_s == [10485760, 0] and
	.variants[1].params.channels == 2' "$dir/out" >/dev/null
result $? "the resolved configuration ($err)"

# complete - each null has its reason, and no row counts what missed.
complete()
{
	is '. as $r | all(.samples[]; to_entries[] | select(.value == null).key
		| . as $k | any($r.warnings[]; startswith($k + " is null:")))' &&
		is 'all(.samples[]; .meets == (.outcome == "met")) and
		all(.samples[] | select(.meets); .completed and
			.downtime_ms <= .downtime_limit_ms)' &&
		is '. as $r | all(.frontier[]; . as $c | .tries ==
		([$r.samples[] | select(.variant == $c.variant and
		.downtime_limit_ms == $c.downtime_limit_ms and
		.bandwidth_bytes_per_s == $c.bandwidth_bytes_per_s)] | length))' &&
		is '(.curves | map(.rate_bytes_per_s | length) | add) ==
		(.frontier | length)'
}

small="--ram 32M --workload wss=16M --before 200ms --after 100ms"
# More than the link carries cannot converge, and a good part of it must:
# 4, 160, 25 and 64 MiB/s.
# shellcheck disable=SC2086 # words
run frontier $small --bandwidths 40M --downtime-limits 100ms --rate-min 4M \
	--rate-max 160M --resolution 200% --tries 1 --timeout 3s \
	--json "$dir/r.json"
[ "$rc" -eq 0 ] && is '.verdict == "pass" and (.frontier | length) == 1'
result $? "a link of 40 MiB/s ($err)"
is '.frontier[0] | .bound == "found" and .rate_bytes_per_s < 40 * 1048576 and
	.missed_bytes_per_s > 20 * 1048576 and .missed_because == "timeout" and
	.missed_bytes_per_s <= 3 * .rate_bytes_per_s'
result $? "the frontier lies just below the link's bandwidth"
is '.frontier[0] | .achieved_bytes_per_s > 0.8 * .rate_bytes_per_s and
	.achieved_bytes_per_s < 1.2 * .rate_bytes_per_s'
result $? "the guest wrote as fast as it was asked to"
complete
result $? "its samples, rows and curves agree"

# shellcheck disable=SC2086 # words
run frontier $small --bandwidths 10M --downtime-limits 20ms --rate-min 60M \
	--rate-max 90M --tries 3 --timeout 1s --json "$dir/r.json"
[ "$rc" -eq 0 ] && is '.frontier[0] | .bound == "below-min" and .tries == 2 and
	.rate_bytes_per_s == null and .missed_bytes_per_s == 60 * 1048576' &&
	complete
result $? "nothing meets it: two tries of three settle that ($err)"

# shellcheck disable=SC2086 # words
run frontier $small --downtime-limits 500ms,2s --rate-min 1M --rate-max 2M \
	--tries 1 --variant 'one:' --variant 'two: --channels 2' \
	--variant 'none: --vmm qemu --qemu-binary /nonexistent' \
	--json "$dir/r.json"
[ "$rc" -eq 0 ] && is '[.frontier[] | select(.skipped == null)] | length == 4 and
	all(.bound == "above-max" and .rate_bytes_per_s == 2097152 and
	.missed_bytes_per_s == null)' && complete
result $? "the highest rate meets it, by two variants ($err)"
is '[.frontier[] | select(.variant == "none")] | length == 2 and
	all(.skipped != null and .bound == null)'
result $? "a variant that cannot run is skipped"

# shellcheck disable=SC2086 # words
run frontier $small --downtime-limits 500ms --rate-min 1M --rate-max 2M \
	--tries 1 --sabotage flip:3 --verify inline,after --json "$dir/r.json"
[ "$rc" -eq 1 ] && is '.verdict == "fail" and .frontier[0].bound == "below-min"
	and .frontier[0].missed_because == "wrong"'
result $? "what arrives damaged meets nothing ($err)"

# shellcheck disable=SC2086 # words
"$vmferry" frontier $small --tries 9 --rate-max 2M --json "$dir/r.json" \
	>"$dir/out" 2>"$dir/err" </dev/null &
pid=$!
for ((i = 0; i < 600; i++)); do
	[ "$(grep -c 'met' "$dir/out")" -lt 2 ] || break
	kill -0 "$pid" || break
	sleep 0.05
done
kill -s INT "$pid"
wait "$pid"
[ $? -eq 130 ] && is '.verdict == "error" and (.samples | length) >= 2 and
	any(.warnings[]; test("^interrupted after [0-9]+ of at most "))'
result $? "interrupted: the tries that there were"

if [ "$level" != quick ] && command -v qemu-system-x86_64 >/dev/null; then
	# shellcheck disable=SC2086 # words
	run frontier $small --bandwidths 40M --downtime-limits 100ms,300ms \
		--rate-min 1M --rate-max 400M --resolution 50% --timeout 5s \
		--variant 'mini:' --variant 'qemu: --vmm qemu' \
		--variant 'tcg: --vmm qemu --accel tcg' \
		--variant 'xbzrle: --vmm qemu --qemu-capability xbzrle=on' \
		--json "$dir/r.json"
	[ "$rc" -eq 0 ] && is '(.frontier | length) == 8' && complete
	result $? "mini and QEMU in one table ($err)"
	is 'all(.frontier[] | select(.variant == "mini" or .variant == "qemu");
		(.rate_bytes_per_s // 0) < 40 * 1048576)'
	result $? "without compression none beats the link"
fi
clean
result $? "nothing left"
finish
