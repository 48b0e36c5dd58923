#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Do both engines compress all of the memory, with every codec, and does the
# result say so; is wrong use refused; does an interruption end it at once?
# shellcheck disable=SC2016,SC2034 # jq has its own $; lib.sh reads needs_kvm
needs_kvm=no
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
schema=$(dirname "$schema")/compress.schema.json

# refused WORD ARG... - exit code 2 and one sentence that has the word.
refused()
{
	local word=$1

	shift
	run compress "$@"
	[ "$rc" -eq 2 ] && [ "$(wc -l <"$dir/err")" -eq 1 ] &&
		grep -qe "$word" "$dir/err" && [ -z "$out" ]
	result $? "refused: $* ($err)"
}

refused 'multiple of 64K' --ram 68K
refused 'takes one of' --codec gzip
refused 'has --level 0 to 9' --level 10
refused 'has --level -5 to 19' --codec zstd --level x
refused 'takes one of' --engine fast
refused 'takes one of' --content r:0
refused 'numbers of 1 to 64' --threads 65
refused 'numbers of 1 to 64' --threads 1,,2
refused 'numbers of 1 to 64' --threads 2,
refused 'power of two' --capacity 3
refused 'of --scan awake' --awake 1 --scan robin
refused 'not an option' fast

# measures WHAT ARG... - a result that the schema takes, and jq too.
measures()
{
	local what=$1

	shift
	run compress --ram 4M --repeat 1 --warmup 0 --json "$dir/r.json" "$@"
	[ "$rc" -eq 0 ] && "$check_result" "$schema" "$dir/r.json" &&
		jq -e "$what" "$dir/r.json" >"$dir/jq"
	result $? "$* ($err)"
}

all='(.samples | length) == 2 and all(.samples[];
	.pages == 1024 and (.submitter.cpu_s >= 0) and
	(.workers.each | map(.pages) | add) + .busy_ratio * .pages == .pages)'
for codec in zlib libdeflate zstd lz4; do
	measures "$all and all(.samples[]; .compression_ratio > 3)" \
		--codec $codec --engine both --threads 2
done
measures "$all" --engine both --threads 3 --wait off --batch 16
measures "$all and all(.samples[]; .workers.probed_pages == .pages and
	.compression_ratio == 1)" --engine both --content random
measures "$all and all(.samples[]; .compression_ratio > 20)" --engine both \
	--content zero
measures '(.samples | length) == 2 and .cells[1].threads == 64' \
	--threads 1,64 --scan robin --capacity 1 --spin 5us

run compress --threads 2 --dry-run
jq -e '.codec == "zlib" and .threads == [2]' >"$dir/jq" <<<"$out"
result $? "--dry-run"

"$vmferry" compress --ram 256M --repeat 100 --json "$dir/i.json" \
	>"$dir/out" 2>"$dir/err" &
pid=$!
sleep 2
kill -INT $pid
wait $pid
[ $? -eq 130 ] && grep -q interrupted "$dir/err"
result $? "interrupted"

finish
