#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does Ctrl-C at any moment leave no process and no file?
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

for signal in INT TERM; do
	for wait in 0.02 0.1 0.5 1.2 2.5; do
		"$vmferry" migrate --ram 256M --workload rate=100M \
			--max-bandwidth 100M --json "$dir/r.json" \
			>"$dir/out" 2>"$dir/err" </dev/null &
		pid=$!
		sleep "$wait"
		good=0
		kill -s "$signal" "$pid" || good=1
		wait "$pid"
		rc=$?
		# Before it catches signals the default action is as clean.
		[ "$rc" -eq 130 ] || [ "$rc" -eq 143 ] || good=1
		sleep 0.1
		[ ! -e "$dir/r.json" ] || good=1
		clean || good=1
		result $good "SIG$signal after $wait s (exit $rc)"
	done
done
finish
