#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Is every page that the guest writes in the log, by every method, and has the
# cost sheet all that it promises?
# shellcheck disable=SC2016 # jq has its own $
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

refused()
{
	local want=$1

	shift
	run dirty "$@"
	[ "$rc" -eq 2 ] && [ "$(wc -l <"$dir/err")" -eq 1 ] &&
		grep -q -e "$want" "$dir/err"
	result $? "refused: $* ($err)"
}

refused ", not 'bit'" --method bit
refused ", not ''" --method bitmap,
refused ", not '0'" --dirty 0
refused ", not '101'" --dirty 1,101
refused ", not '1x'" --cpus 1x
refused ", not '1G'" --page-size 4K,1G
refused "at most 8 values" --dirty 1,2,3,4,5,6,7,8,9
refused "power of 2" --ring-entries 1025
refused "multiple of 2 MiB" --ram 67M

run dirty --dry-run --method ring,bitmap --cpus 1,2
[ "$rc" -eq 0 ] && jq -e '.method == ["ring", "bitmap"] and .cpus == [1, 2] and
	.dirty_pct == [1, 10, 100] and .repeat == 3' "$dir/out" >/dev/null
result $? "the resolved configuration"

run dirty --ram 64M --repeat 1 --warmup 1 --dirty 10,100 \
	--method bitmap,protect,all-set,ring --json "$dir/r.json"
[ "$rc" -eq 0 ] && is '.verdict == "pass" and (.cells | length) == 8'
result $? "all methods, 10 and 100 % ($err)"
is '[.cells[] | select(.method == "bitmap")] | all(.skipped == null)'
result $? "the bitmap is everywhere"
is '. as $r | all(.cells[]; . as $c |
	([$r.samples[] | select(.method == $c.method and .warmup != true and
		.dirty_pct == $c.dirty_pct)] | length) ==
		(if .skipped then 0 else 1 end))'
result $? "a sample for each that was not skipped"
is 'all(.samples[]; .lost_pages == 0 and
	.dirty_pages * 4096 >= .wss_bytes and .dirty_pages <= .ram_pages)'
result $? "each page that was written is in the log"
is 'all(.samples[]; .enable_ms > 0 and .collect_ms > 0 and .disable_ms > 0 and
	.fault_ns_per_page > 0 and .rate.before_pages_per_s > 0)'
result $? "each call took its time, and the first writes cost CPU time"
is 'all(.cells[] | select(.skipped == null) | .figures;
	.collect_ns_per_page.n == 1 and .["rate.before_pages_per_s"].n == 1)'
result $? "warm-ups are not in the figures"
is '. as $r | all(.samples[]; to_entries[] | select(.value == null).key |
	. as $k | any($r.warnings[]; startswith($k + " is null:")))'
result $? "each null has its reason"

run dirty --ram 64M --repeat 1 --dirty 10 --method bitmap --cpus 3 \
	--page-size thp --json "$dir/r.json"
[ "$rc" -eq 0 ] && is '.samples[0] | .cpus == 3 and .lost_pages == 0'
result $? "three vCPUs on huge pages ($err)"
run dirty --ram 64M --repeat 1 --dirty 10 --method bitmap --page-size 2M \
	--json "$dir/r.json"
if [ "$rc" -eq 77 ]; then
	is '.verdict == "skip" and .cells[0].skipped != null and
		.cells[0].figures.enable_ms.n == 0' &&
		grep -q 'nr_hugepages' "$dir/err"
else
	[ "$rc" -eq 0 ] && is '.samples[0].lost_pages == 0'
fi
result $? "huge pages of the pool, or what to do to have them ($err)"
clean
result $? "nothing left"
finish
