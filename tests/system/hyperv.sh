#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Hyper-V served by the mini VMM itself: chosen, refused, moved, compared.
# (What it promises the guest: hv_check.sh.)
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
schema_cycles=$(dirname "$schema")/cycles.schema.json

refused()
{
	local want=$1

	shift
	run "$@"
	[ "$rc" -eq 2 ] && [ "$(wc -l <"$dir/err")" -eq 1 ] &&
		grep -q -e "$want" "$dir/err"
	result $? "refused: $* ($err)"
}

refused "nothing to choose from" boot --hv-time on
refused "needs --hv-time" boot --hyperv user --hv-time off --hv-stimer on
refused "only KVM" vmm --hyperv user --hv-evmcs on
refused "takes one of auto, on, off" vmm --hyperv user --hv-time maybe
refused "only what we serve" boot --hyperv kvm --hv-break ipi
refused "--hv-break list" vmm --hyperv user --hv-break nothing
refused "is for --vmm mini" boot --vmm qemu --hyperv user
refused "no feature 'hv-tim'" cycles --hyperv user --ab hv-tim
refused "needs --hv-stimer" cycles --hyperv user --ab=-hv-stimer+hv-stimer-direct

run vmm --hv-break list
[ "$rc" -eq 0 ] && [ "$(wc -l <<<"$out")" -ge 18 ] && grep -qx time_ref <<<"$out"
result $? "what can be broken is listed"

run cycles --hyperv user --hv-synic off --check --json "$dir/r.json"
[ "$rc" -eq 0 ] && is '[.checks[] | select(.result == "skip") | .check] | sort ==
	["event", "message", "stimer_direct", "stimer_once", "stimer_periodic"]' &&
	is '.params.hv_features == ["synic=off"]'
result $? "without the SynIC its timers are not offered either ($err)"

for cpus in 1 8; do
	run cycles --hyperv user --vcpus "$cpus" --check --migrate \
		--only time_ref,tsc_page,stimer_periodic,ipi --json "$dir/r.json"
	[ "$rc" -eq 0 ] && is 'all(.checks[]; .result == "pass" or
		.skipped == "not asked for") and
		([.checks[] | select(.result == "pass")] | length) == 8'
	result $? "$cpus vCPUs: clocks, timers and interrupts, and after a migration ($err)"
done

run migrate --hyperv user --ram 64M --cpus 2 --workload rate=20M \
	--transport file --snapshot "$dir/bad.snapshot" --json "$dir/r.json"
[ "$rc" -eq 0 ] && documented && is '.verdict == "pass" and
	.params.hyperv == "user" and
	.samples[0].vcpu_state.differing == []'
result $? "a guest with a workload moves by a file ($err)"

run vmm --dump-state "$dir/bad.snapshot"
[ "$rc" -eq 0 ] && grep -q 'hyperv.vp\[1\].sint' <<<"$out" &&
	grep -q hyperv.hypercall <<<"$out"
result $? "its state has names ($err)"

run boot --load "$dir/bad.snapshot" --ram 64M --cpus 2 --hyperv user \
	--duration 100ms
[ "$rc" -eq 0 ]
result $? "and can be loaded again ($err)"

run boot --load "$dir/bad.snapshot" --ram 64M --cpus 2 --duration 100ms
[ "$rc" -ne 0 ] && grep -q -e "--hyperv" "$dir/err"
result $? "but not where Hyper-V is not served ($err)"

run boot --load "$dir/bad.snapshot" --ram 64M --cpus 2 --hyperv user \
	--hv-ipi off --duration 100ms
[ "$rc" -ne 0 ] && grep -q -e "--hv-" "$dir/err"
result $? "nor where less of it is ($err)"

schema=$schema_cycles
run cycles --hyperv user --hv-vapic off --ab hv-vapic --only cpuid,hv_eoi \
	--rounds 50 --json "$dir/r.json"
[ "$rc" -eq 0 ] && documented && is '.ab | map(select(.probe == "cpuid" and
	.n == 6)) | length == 2' && is '.features ==
	[{"feature": "hv-vapic", "skipped": null}]'
result $? "a feature of the mini VMM's, with and without ($err)"

run cycles --ab hyperv=kvm,hyperv=user --only rdmsr_passed --repeat 2 \
	--rounds 50 --json "$dir/r.json"
[ "$rc" -eq 0 ] && documented && is '[.features[].feature] ==
	["hyperv=kvm", "hyperv=user"] and .features[1].skipped == null'
result $? "modes are compared, or skipped with a reason ($err)"

clean
result $? "nothing left"
finish
