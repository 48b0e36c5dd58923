#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does --compress mean the same of QEMU, whichever of its ways does it; is a
# prediction scored; and do the ways to send go together with compression?
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

common="--ram 128M --before 100ms --after 100ms
	--workload rate=20M,wss=32M,content=r:4"

# moved WHAT ARG... - one migration, right, with a result in which WHAT is so.
moved()
{
	local what=$1 good=0

	shift
	# shellcheck disable=SC2086 # words
	run migrate $common --json "$dir/r.json" "$@"
	[ "$rc" -eq 0 ] || good=1
	is ".verdict == \"pass\" and (.samples[0] | $what)" || good=1
	documented || good=1
	clean || good=1
	result $good "$*"
}

if command -v qemu-system-x86_64 >/dev/null; then
	# How often it sends a page depends on how busy this host is.
	threads='.vmm_reported.compression | .pages > 0 and
		.["compressed-size"] * 2 < .pages * 4096'
	multifd='.vantage.sent_bytes | .vmm > 2 * .wire'
	moved "$threads and .busy == 0" --vmm qemu --compress zlib
	moved "$threads" --vmm qemu --compress zlib --compress-wait off \
		--compress-level 9
	moved "$multifd" --vmm qemu --compress zlib --channels 2
	moved "$multifd" --vmm qemu --compress zstd --channels 2
	moved '.prediction.rows | length > 1' --vmm qemu --compress zlib \
		--predict
fi

moved '.prediction | (.rows | length) > 4 and .best != null' --compress zlib \
	--predict
moved '.send.copied_bytes_per_gib > 1e6' --compress zstd --send copy
moved '.send | .copied_bytes_per_gib == 0 and .zerocopy_writes > 0' --compress lz4 --zerocopy on \
	--transport tcp --relay off

finish
