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

# What was measured until then is not lost.
for what in 'boot --duration 100ms' 'migrate --before 100ms --after 100ms'; do
	good=0
	# shellcheck disable=SC2086 # words
	"$vmferry" $what --ram 64M --workload rate=10M,wss=8M --repeat 1000 \
		--json "$dir/r.json" >"$dir/out" 2>"$dir/err" </dev/null &
	pid=$!
	# Two have ended: a line each.
	for ((i = 0; i < 600; i++)); do
		[ "$(grep -cE 'ready after|pass' "$dir/out")" -lt 2 ] || break
		kill -0 "$pid" || break
		sleep 0.05
	done
	kill -s INT "$pid" || good=1
	wait "$pid"
	[ $? -eq 130 ] || good=1
	sleep 0.1
	is '.verdict == "error" and (.samples | length >= 2) and
		any(.warnings[]; test("^interrupted after [0-9]+ of 1000$"))' ||
		good=1
	[ "${what%% *}" = boot ] || documented || good=1
	clean || good=1
	result $good "interrupted: the result has what there is ($what)"
	rm -f "$dir/r.json"
done
finish
