#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A guest that is a hypervisor is migrated: on a CPU with SVM that QEMU emulates.
# QEMU's TCG cannot load a vCPU that is in L2; the lab has what can.
# shellcheck disable=SC2016,SC2034 # jq has its own $; lib.sh reads needs_kvm
needs_kvm=no
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

if ! command -v qemu-system-x86_64 >/dev/null; then
	echo "1..0 # SKIP no qemu-system-x86_64"
	exit 0
fi

tcg=(migrate --vmm qemu --accel tcg --ram 32M --before 200ms --after 200ms
	--downtime-limit 2s --json "$dir/r.json")

for l2 in loaded bare; do
	run "${tcg[@]}" --cpu EPYC --workload "wss=4M,rate=2M,l2=$l2" --hops 2
	[ "$rc" -eq 0 ] && documented && is '.verdict == "pass" and
		(.samples[1].l2 | .right and .rounds > 0 and
		.rounds == .exits and .bad == 0)'
	result $? "l2=$l2: what was prepared is used after two hops ($err)"
done

run boot --vmm qemu --accel tcg --cpu EPYC --ram 32M --duration 300ms \
	--workload wss=4M,rate=2M,l2=dirty
[ "$rc" -eq 0 ]
result $? "L2 writes pages, L1 finds none wrong ($err)"

run "${tcg[@]}" --cpu EPYC,-svm --workload wss=4M,l2=cpuid
[ "$rc" -eq 77 ] && grep -q "l2 cannot run: the CPU has neither" "$dir/err"
result $? "a CPU that lets nobody virtualize is refused ($err)"
run "${tcg[@]}" --cpu EPYC --workload wss=4M,l2=cpuid:evmcs
[ "$rc" -eq 77 ] && grep -q "no such variant" "$dir/err"
result $? "a variant of another CPU is refused ($err)"
run migrate --vmm mini --sabotage drop-nested-state --dry-run
[ "$rc" -eq 2 ] && grep -q "needs a nested guest" "$dir/err"
result $? "without an L2 there is no such state to drop ($err)"

clean
result $? "nothing left"
finish
