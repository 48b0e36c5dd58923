#!/bin/bash
# SPDX-License-Identifier: MIT
# Do the guest's clocks keep time across a migration, and is a shifted TSC
# reported, in each VMM?
# shellcheck source-path=SCRIPTDIR source=lib.sh
# shellcheck disable=SC2034
needs_kvm=no
. "$(dirname "$0")/lib.sh"

# went ARG... - a migration with a heartbeat.
went()
{
	run migrate --ram 128M --workload wss=16M,rate=20M --before 300ms \
		--after 100ms --heartbeat 50ms --json "$dir/r.json" "$@"
	[ "$rc" -eq 0 ]
}

tsc='.samples[0].timekeeping.clocks[] | select(.clock == "tsc")'

# kept NAME ARG... - nothing jumps; then 250 ms ahead is told as such.
kept()
{
	local name=$1

	shift
	went "$@" &&
		is '.samples[0].timekeeping.period_ms == 50' &&
		is "[.samples[0].timekeeping.clocks[].did] |
			index(\"jumped\") == null" &&
		"$check_result" "$schema" "$dir/r.json" >"$dir/err" 2>&1
	result $? "$name: no clock jumps"
	went "$@" --tsc-shift 250ms &&
		is "$tsc | .did == \"jumped\"" &&
		is "$tsc | .unexplained_ms > 200 and .unexplained_ms < 300" &&
		is '.warnings | map(select(test("tsc jumped"))) | length == 1' &&
		is '.samples[0].timekeeping.lost_ticks >= 3'
	result $? "$name: a shifted TSC is reported"
}

if [ -r /dev/kvm ] && [ -w /dev/kvm ]; then
	kept mini --vmm mini
	kept qemu-kvm --vmm qemu --accel kvm
fi
if command -v qemu-system-x86_64 >/dev/null; then
	kept qemu-tcg --vmm qemu --accel tcg
	is "$tsc | .expected | startswith(\"stands\")"
	result $? "qemu-tcg: what it does is stated"
fi
run migrate --tsc-shift 50ms
[ "$rc" -eq 2 ] && [[ $err == *"needs --heartbeat"* ]]
result $? "a shift that nobody would report is refused"
went --vmm mini --heartbeat 1500us
[ "$rc" -eq 2 ]
result $? "a heartbeat below 10 ms is refused"
clean
result $? "nothing left"
finish
