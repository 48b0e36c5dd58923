#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does KVM's Hyper-V (kvm-amd of Debian's kernels, which QEMU emulates) keep what
# the specification promises, also through a migration of the mini VMM, and what
# does it cost? usage: hyperv.sh VMFERRY CHECK_RESULT SCHEMA KEPT
# shellcheck disable=SC2016,SC2034 # jq has its own $; lib.sh reads needs_kvm
needs_kvm=no
kept=$4
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib.sh
. "$here/../system/lib.sh"
schema=$(dirname "$schema")/cycles.schema.json

# lab OPTION... COMMAND - sets rc, out; skips all where there are no kernels.
lab()
{
	bash "$here/lab.sh" --kept "$kept" "${@:1:$#-1}" "$vmferry" \
		"${@:$#}" >"$dir/out" 2>"$dir/err"
	rc=$?
	if [ "$rc" -eq 77 ]; then
		echo "1..0 # SKIP $(tail -n 1 "$dir/err")"
		exit 0
	fi
	out=$(cat "$dir/out")
}

# Beside them, those of another guest on the same kernel, measured elsewhere.
declare -A others=([6.1]='cpuid=2709 hv_flush=3901 hv_time_ref=3014'
	[6.12]='cpuid=2865 hv_flush=4816 hv_time_ref=3202')
count='vmferry cycles --vmm mini --ram 32M --cpus 1 --hyperv kvm --rounds 200 \
	--only "cpuid,hv_*" --progress never 2>/dev/null |
	while read -r probe ring _ _ _ _ _ _ _ _ _ _ min _; do
		case $probe$ring in
		*[a-z]0) [ "$min" = vcpu ] || echo "$probe=$min" ;;
		esac
	done'
check='vmferry cycles --vmm mini --ram 32M --cpus 2 --hyperv kvm --check \
	--migrate --progress never --json /tmp/r.json >/dev/null
	rc=$?; cat /tmp/r.json; exit $rc'

for kernel in 6.1 6.12; do
	lab --kernel "$kernel" --icount "$check"
	cp "$dir/out" "$dir/r.json"
	[ "$rc" -eq 0 ] && documented && is '.verdict == "pass"' &&
		is '[.checks[] | select(.result == "pass")] | length >= 34' &&
		is '[.checks[] | select(.result == "skip") | .check] |
			unique == ["event"]' &&
		is '[.checks[] | select(.check == "time_ref" and
			.result == "pass") | .tries] == [10000, 10000]'
	result $? "$kernel: the checks pass, and again after a migration"

	lab --kernel "$kernel" --icount "$count"
	first=$out
	lab --kernel "$kernel" --icount "$count"
	echo "# $kernel: ${first//$'\n'/ }"
	[ "$(wc -l <<<"$first")" -ge 6 ] && [ "$first" = "$out" ]
	result $? "$kernel: two tables have the same minima"
	for other in ${others[$kernel]}; do
		min=$(sed -n "s/^${other%=*}=//p" <<<"$first" | head -n 1)
		[ -n "$min" ] && [ $((min * 10)) -ge $((${other#*=} * 9)) ] &&
			[ $((min * 10)) -le $((${other#*=} * 11)) ]
		result $? "$kernel: ${other%=*} takes $min, ${other#*=} elsewhere"
	done
done

# QEMU's Hyper-V is the same KVM's, by flags of the CPU.
if command -v qemu-system-x86_64 >/dev/null; then
	lab --kernel 6.12 --with-qemu --memory 1536 --icount --seconds 250 \
		'vmferry cycles --vmm qemu --ram 32M --cpus 2 --check --migrate \
		--only time_ref,tsc_page,tsc_frequency --progress never \
		--cpu host,hv-relaxed,hv-vapic,hv-vpindex,hv-time,hv-frequencies \
		--json /tmp/r.json >/dev/null; rc=$?; cat /tmp/r.json; exit $rc'
	cp "$dir/out" "$dir/r.json"
	[ "$rc" -eq 0 ] && is '[.checks[] | select(.check == "time_ref" and
		.result == "pass") | .tries] == [10000, 10000]'
	result $? "6.12, QEMU: reference time, before a migration and after it"
fi
echo "1..$case_nr"
