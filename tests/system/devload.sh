#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does a load of devices build as many views and make as many calls as its way
# of committing allows, and is the result what its schema says? The timing
# claims are made with the long form only, on a machine that is quiet enough.
# shellcheck disable=SC2016 # jq has its own $
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

schema=$(dirname "$schema")/devload.schema.json

refused()
{
	local want=$1

	shift
	run devload "$@"
	[ "$rc" -eq 2 ] && [ "$(wc -l <"$dir/err")" -eq 1 ] &&
		grep -q -e "$want" "$dir/err"
	result $? "refused: $* ($err)"
}

refused "at most 62 devices of at most 64 queues" --devices net:63x1
refused "at most 62 devices of at most 64 queues" --devices net:1x65
refused "at most 62 devices of at most 64 queues" --devices net:62x64,blk:1x1
refused "like net:8x16,blk:16x4, not ''" --devices ""
refused "not 'net:8'" --devices net:8
refused "not 'net:0x1'" --devices net:0x1
refused "not 'gpu:1x1'" --devices gpu:1x1
refused "not 'net:1x1,'" --devices net:1x1,
refused "exclude each other" --running --stopped
refused "its own devices" --scale --devices net:1x1

run devload --dry-run --devices net:8x16,blk:16x4
[ "$rc" -eq 0 ] && jq -e '.vcpus == 32 and .repeat == 20 and
	.devices == ["net:8x16,blk:16x4"]' "$dir/out" >/dev/null
result $? "the resolved configuration"

repeat=2
[ "$level" = quick ] || repeat=20
run devload --repeat $repeat --vcpus 4 --json "$dir/r.json"
[ "$rc" -eq 0 ] && is '.verdict == "pass" and (.cells | length) == 12'
result $? "all rows and ways ($err)"
documented
result $? "as documented"
is '[.samples[] | select(.commit == "each")] |
	all(.views_built >= .queues and .kvm.routings.calls > .queues)'
result $? "each: a view a notifier, a routing table a vector"
is '[.samples[] | select(.commit == "once")] |
	all(.views_built == 1 and .commits == 1 and .kvm.routings.calls == 1 and
	    .kvm.ioeventfd_assigns.calls == .queues)'
result $? "once: one view, one routing table"
is '[.samples[] | select(.commit == "prepared")] |
	all(.views_built == 0 and .kvm_calls == 0)'
result $? "prepared: nothing is left to do"
is '[.cells[] | select(.commit == "bare" or .commit == "once")] |
	group_by(.devices) | all(.[0].figures.kvm_calls.median ==
	    .[1].figures.kvm_calls.median)'
result $? "once makes the bare calls and no others"

run devload --running --repeat 2 --vcpus 2 --devices net:2x4 --json "$dir/r.json"
[ "$rc" -eq 0 ] && is '.verdict == "pass" and .params.vcpu_state == "running"'
result $? "beside a vCPU that runs ($err)"

if [ "$level" != quick ]; then
	# The least of twenty: what else the machine does is in neither.
	run devload --json "$dir/r.json"
	is '[.cells[] | select(.devices == "net:8x16,blk:16x4")] |
		map({(.commit): .figures.load_ms}) | add |
		.once.min <= 1.5 * .bare.min and
		.prepared.median <= 0.5 * .once.median and
		.once.median < .each.median'
	result $? "192 queues: once near the bare calls, prepared less than half"
	run devload --scale --json "$dir/r.json"
	[ "$rc" -eq 0 ] && is '.growth | .once.views_min == 1 and
		.once.views_max == 1 and .prepared.views_max == 0 and
		.each.views_max > 3968 and .each.exponent > .once.exponent'
	result $? "from 16 to 3968 queues: constant views ($err)"
	documented
	result $? "as documented"
fi

clean
result $? "nothing left"
finish
