#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does the mini VMM work on an ordinary KVM (kvm-amd of Debian's kernels, which
# QEMU emulates)? usage: kvm.sh VMFERRY CHECK_RESULT SCHEMA KEPT
# shellcheck disable=SC2016,SC2034 # jq has its own $; lib.sh reads needs_kvm
needs_kvm=no
kept=$4
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib.sh
. "$here/../system/lib.sh"

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

# Minima of the guest's exits, in instructions of the outer KVM; a line each:
# probe, ring, instructions. Beside cpuid's, that of another guest on the same
# kernel, measured elsewhere.
declare -A others=([6.1]=2709 [6.12]=2865)
count='vmferry cycles --vmm mini --ram 32M --cpus 1 --progress never --rounds 200 \
	--only "cpuid,port*,mmio*,rdmsr*,wrmsr*" 2>/dev/null |
	while read -r probe ring _ _ _ _ _ _ _ _ _ _ min _; do
		case $probe$ring in
		*[a-z][03]) echo "$probe $ring $min" ;;
		esac
	done'

for kernel in 6.1 6.12; do
	lab --kernel "$kernel" \
		'vmferry doctor --json /tmp/r.json >/dev/null; cat /tmp/r.json'
	cp "$dir/out" "$dir/r.json"
	[ "$rc" -eq 0 ] && is '.verdict == "pass"' &&
		grep -q 'base synic2 vp-index' "$dir/out"
	result $? "$kernel: the mini VMM runs on a KVM with enlightenments"

	lab --kernel "$kernel" --icount "$count"
	first=$out
	lab --kernel "$kernel" --icount "$count"
	echo "# $kernel: ${first//$'\n'/; }"
	[ "$(wc -l <<<"$first")" -ge 15 ] && [ "$first" = "$out" ]
	result $? "$kernel: two tables of exits have the same minima"
	min=$(sed -n 's/^cpuid 0 //p' <<<"$first")
	[ -n "$min" ] && [ $((min * 10)) -ge $((others[$kernel] * 9)) ] &&
		[ $((min * 10)) -le $((others[$kernel] * 11)) ]
	result $? "$kernel: cpuid takes $min, and ${others[$kernel]} elsewhere"

	lab --kernel "$kernel" 'vmferry migrate --vmm mini --ram 64M --cpus 2 \
		--workload rate=5M,wss=16M --json /tmp/r.json >/dev/null
		rc=$?; cat /tmp/r.json; exit $rc'
	cp "$dir/out" "$dir/r.json"
	[ "$rc" -eq 0 ] && is '.verdict == "pass" and
		(.samples[0].vcpu_state | .compared > 20 and .differing == [])'
	result $? "$kernel: a migration: all bytes, all registers"
done
echo "1..$case_nr"
