#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does our guest virtualize by SVM, on a CPU that QEMU emulates? Each variant that
# needs no Hyper-V; what it counts means nothing there.
# shellcheck disable=SC2016,SC2034 # jq has its own $; lib.sh reads needs_kvm
needs_kvm=no
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
schema=$(dirname "$schema")/cycles.schema.json

if ! command -v qemu-system-x86_64 >/dev/null; then
	echo "1..0 # SKIP no qemu-system-x86_64"
	exit 0
fi

tcg=(cycles --vmm qemu --accel tcg --vcpus 1 --only cpuid --rounds 50
	--nested --json "$dir/r.json")

run "${tcg[@]}" --cpu EPYC
[ "$rc" -eq 0 ] && documented &&
	is '.verdict == "pass" and .nested[0].backend == "svm" and
		[.nested[0].variants[] | select(.proof == "pass") | .variant] ==
		["plain", "vmload", "vmload-clgi", "msr-bitmap"]'
result $? "each variant has its effect ($err)"
is '[.nested[0].variants[] | select(.variant | startswith("hv-")) | .skipped] |
	length == 3 and unique == ["no Hyper-V interface with nested features"]'
result $? "those that Hyper-V offers are skipped, and why"
is 'all(.nested[0].variants[] | select(.proof) | .probes[];
	.l1_exits_per_round == if .probe == "cpuid" or .probe == "l2_flush"
		then 1 else 0 end)'
result $? "what L1 asks for comes to L1, nothing else does"

run "${tcg[@]}" --cpu EPYC --variant plain,msr-bitmap
[ "$rc" -eq 0 ] && documented && is '[.nested[0].variants[].variant] ==
	["plain", "msr-bitmap"]'
result $? "two variants of them ($err)"
run "${tcg[@]}" --cpu EPYC --variant evmcs
[ "$rc" -ne 0 ] && grep -q "svm has none of that name" "$dir/err"
result $? "VMX's variants are not SVM's ($err)"

run "${tcg[@]}" --cpu EPYC,-svm
[ "$rc" -eq 0 ] && documented &&
	is '.nested[0].missing == "the CPU has neither VMX nor SVM"'
result $? "a CPU with neither ($err)"
run "${tcg[@]}" --cpu EPYC,-npt
[ "$rc" -eq 0 ] && documented &&
	is '.nested[0].missing == "SVM has no nested paging"'
result $? "a CPU without nested paging ($err)"

clean
result $? "nothing left"
finish
