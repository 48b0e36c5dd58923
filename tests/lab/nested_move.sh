#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Migrations of the mini VMM while a nested guest runs, on real KVM (kvm-amd of
# Debian's kernels, which QEMU emulates): five hops, and the nested state dropped
# on purpose. usage: nested_move.sh VMFERRY CHECK_RESULT SCHEMA KEPT
# shellcheck disable=SC2016,SC2034 # jq has its own $; lib.sh reads needs_kvm
needs_kvm=no
kept=$4
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib.sh
. "$here/../system/lib.sh"

# lab OPTION... COMMAND - sets rc, r.json; skips all where there are no kernels.
lab()
{
	bash "$here/lab.sh" --kept "$kept" "${@:1:$#-1}" "$vmferry" \
		"${*:$#}; rc=\$?; cat /tmp/r.json; exit \$rc" \
		>"$dir/r.json" 2>"$dir/err"
	rc=$?
	if [ "$rc" -eq 77 ]; then
		echo "1..0 # SKIP $(tail -n 1 "$dir/err")"
		exit 0
	fi
}

move='vmferry migrate --vmm mini --ram 32M --downtime-limit 2s --before 500ms \
	--after 500ms --progress never --json /tmp/r.json'

for kernel in 6.1 6.12; do
	for l2 in cpuid dirty cpuid:vmload-clgi loaded bare; do
		lab --kernel "$kernel" "$move --cpus 2 --hops 5 \
			--workload wss=4M,l2=$l2 >/dev/null 2>&1"
		[ "$rc" -eq 0 ] && documented && is '.verdict == "pass" and
			(.samples | length) == 5 and
			all(.samples[].l2; .right and .bad == 0) and
			(.samples[4].l2 | .rounds > 0 and .rounds == .exits)'
		result $? "$kernel: l2=$l2, five hops: no exit lost, no register wrong"
		case $l2 in
		dirty) is 'any(.samples[].l2; .stopped_in == "l2")'
			result $? "$kernel: l2=dirty was migrated in L2" ;;
		esac
	done
	lab --kernel "$kernel" "$move --sabotage drop-nested-state \
		--workload wss=4M,l2=dirty >/dev/null 2>&1"
	[ "$rc" -eq 1 ] && documented && is '.verdict == "fail" and
		(.samples[0] | .guest_lost and .l2.first == "lost")'
	result $? "$kernel: a nested state that is dropped is found"
done

if command -v qemu-system-x86_64 >/dev/null; then
	for l2 in cpuid dirty; do
		lab --kernel 6.12 --with-qemu --memory 1536 \
			"vmferry migrate --vmm qemu --accel kvm --machine q35 \
			--cpu host --ram 32M --cpus 2 --downtime-limit 2s \
			--before 500ms --after 500ms --hops 5 --progress never \
			--workload wss=4M,l2=$l2 --json /tmp/r.json \
			>/dev/null 2>&1"
		[ "$rc" -eq 0 ] && is '.verdict == "pass" and
			all(.samples[].l2; .right and .bad == 0)'
		result $? "6.12, QEMU: l2=$l2, five hops"
	done
fi
echo "1..$case_nr"
