#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Do the checks of Hyper-V's interface pass where it is served right, and does
# each one see what it is there for, served wrongly?
# shellcheck disable=SC2016 # jq has its own $
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
schema=$(dirname "$schema")/cycles.schema.json

refused()
{
	local want=$1

	shift
	run cycles "$@"
	[ "$rc" -eq 2 ] && [ "$(wc -l <"$dir/err")" -eq 1 ] &&
		grep -q -e "$want" "$dir/err"
	result $? "refused: $* ($err)"
}

refused "goes with --check" --migrate
refused "measures nothing" --check --list
refused "measures nothing" --check --nested
refused "no check 'cpuid'" --check --only cpuid

run cycles --check --json "$dir/r.json"
[ "$rc" -eq 77 ] && documented && is '.verdict == "skip"' &&
	is '(.checks | length) == 18 and
		all(.checks[]; .skipped == "no Hv#1")'
result $? "without the interface nothing is checked ($err)"

run cycles --check --migrate --only leaves --json "$dir/r.json"
[ "$rc" -eq 77 ] && documented &&
	is '[.checks[].when] | unique == ["after_migration", "boot"]'
result $? "the guest is asked before a migration and after it ($err)"

if command -v qemu-system-x86_64 >/dev/null; then
	run cycles --check --migrate --only leaves --vmm qemu \
		--json "$dir/r.json"
	[ "$rc" -eq 77 ] && documented &&
		is '[.checks[].when] | unique == ["after_migration", "boot"]'
	result $? "likewise QEMU's ($err)"
fi

if ! "$vmferry" cycles --help | grep -q -e --hv-break; then
	clean
	result $? "nothing left"
	finish
	exit
fi

served="--vmm mini --hyperv user --check"
# shellcheck disable=SC2086 # words
run cycles $served --migrate --json "$dir/r.json"
[ "$rc" -eq 0 ] && documented && is '.verdict == "pass" and
	all(.checks[]; .result == "pass")' &&
	is '[.checks[] | select(.check == "time_ref") | .tries] ==
		[10000, 10000]'
result $? "all pass, before a migration and after it ($err)"

names=$(jq -r '.checks[].check' "$dir/r.json" | sort -u)
[ "$level" = all ] || names="leaves vp_index time_ref message flush"
for name in $names; do
	# shellcheck disable=SC2086
	run cycles $served --hv-break "$name" --json "$dir/r.json"
	[ "$rc" -eq 1 ] && documented && jq -e --arg name "$name" \
		'[.checks[] | select(.result == "fail") | .check] |
			index($name)' "$dir/r.json" >/dev/null
	result $? "$name is red where it is served wrongly ($err)"
done
clean
result $? "nothing left"
finish
