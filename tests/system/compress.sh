#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does a guest that writes at full speed arrive whole, whatever compresses its
# pages and over however many connections; and do the figures say what was done?
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

common="--ram 128M --before 100ms --after 100ms --compress-threads 3
	--workload pattern=random,rate=0,wss=32M,content=r:4"

# moved ARG... - one migration, right, with a result that is.
moved()
{
	local good=0

	# shellcheck disable=SC2086 # words
	run migrate $common --json "$dir/r.json" "$@"
	[ "$rc" -eq 0 ] || good=1
	is '.verdict == "pass" and .samples[0].integrity.coverage_pct > 0' ||
		good=1
	is '.samples[0] | .compression.pages > 0 and
		(.cpu_s.compress | length) >= 3 and
		(.cpu_s.decompress | length) > 0' || good=1
	documented || good=1
	clean || good=1
	return $good
}

# each CODEC ENGINE CHANNELS WAIT
each()
{
	moved --compress "$1" --engine "$2" --channels "$3" --compress-wait "$4"
	result $? "$1, $2, $3 channels, wait $4"
}

if [ "$level" = quick ]; then
	each zlib ring 4 off
	each libdeflate locked 1 on
	each zstd locked 4 off
	each lz4 ring 4 on
else
	for codec in zlib libdeflate zstd lz4; do
		for engine in ring locked; do
			for channels in 1 4; do
				each $codec $engine $channels on
				each $codec $engine $channels off
			done
		done
	done
	# The hardest: four connections, requests of one page that some find no
	# room for, two vCPUs that write against them.
	good=0
	for _ in $(seq 50); do
		moved --compress lz4 --channels 4 --compress-batch 1 --cpus 2 \
			--compress-wait off || good=1
	done
	result $good "fifty times the hardest"
fi

moved --compress zlib --compress-wait on
is '.samples[0] | .busy_ratio == 0 and .compression.busy_pages == 0 and
	.compression.wire_ratio > 3 and
	.wire_bytes * 3 < .compression.pages * 4096'
result $? "who waits is never busy, and the wire carries less than a third"
is '.samples[0] | .submitter.wait_s > 0 and .submitter.send_s > 0 and
	([.compression.compress[].pages] | add) == .compression.pages'
result $? "all pages were some worker's, and the submitter waited for them"

# Nothing to be had: probed, and sent as it is.
run migrate --ram 128M --before 100ms --after 100ms --compress lz4 \
	--workload pattern=random,rate=50M,wss=32M,content=random \
	--json "$dir/r.json"
is '.verdict == "pass" and (.samples[0].compression |
	.raw_pages > .pages * 0.9)'
result $? "random pages go as they are"

# shellcheck disable=SC2086 # words
run migrate $common --json "$dir/r.json" --compress zstd --sabotage flip:3
[ "$rc" -eq 1 ] && is '.samples[0].integrity.bad.flipped == 3'
result $? "damage behind compression is found"
# shellcheck disable=SC2086 # words
run migrate $common --json "$dir/r.json" --compress zstd --sabotage skip-dirty:3
is '.samples[0].sabotage | .found == 3 and .missed == []'
result $? "and pages that were forgotten"

moved --compress zstd --transport file --snapshot "$dir/bad.snap" &&
	is '.samples[0].wire_bytes < 32 * 1048576'
result $? "into a file, compressed"
rm -f "$dir/bad.snap"

# The link breaks: the source goes on.
run migrate --ram 128M --before 100ms --after 100ms --compress zlib \
	--workload pattern=random,rate=50M,wss=32M,content=r:4 \
	--link-cut 2M --json "$dir/r.json"
[ "$rc" -eq 1 ] && is '.samples[0] | .completed == false and
	.source_after.running and
	([.source_after.integrity.bad[]] | add == 0)' && clean
result $? "a cut in the middle of compressed pages: the source goes on"

# refused SENTENCE ARG...
refused()
{
	local sentence=$1 good=0

	shift
	run migrate --ram 128M "$@"
	[ "$rc" -eq 2 ] && [[ $err == *"$sentence"* ]] || good=1
	result $good "refused: $*"
}

refused "0 to 9" --compress zlib --compress-level 10
refused "'x'" --compress zstd --compress-level x
refused "goes with --compress" --compress-level 3
refused "no pages travel" --compress lz4 --transport memfd

finish
