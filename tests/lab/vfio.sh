#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Devices of a real kernel: mtty, a driver with migration v2 (Linux 6.12, in
# QEMU): what `check` finds in it, and in a device without migration (edu); its
# state from one to the other. usage: vfio.sh VMFERRY CHECK_RESULT SCHEMA KEPT
# shellcheck disable=SC2016,SC2034 # the lab's shell has its own $
needs_kvm=no
kept=$4
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib.sh
. "$here/../system/lib.sh"
schema=$(dirname "$schema")/vfio_check.schema.json

# lab OPTION... COMMAND - sets rc, out; skips all where there is no kernel.
lab()
{
	bash "$here/lab.sh" --kept "$kept" --kernel mtty "${@:1:$#-1}" \
		"$vmferry" "${@:$#}" >"$dir/out" 2>"$dir/err"
	rc=$?
	if [ "$rc" -eq 77 ]; then
		echo "1..0 # SKIP $(tail -n 1 "$dir/err")"
		exit 0
	fi
	out=$(cat "$dir/out")
}

# As docs/vfio-check.md says.
found='dirty.quiet dirty.twice dirty.empty-range load.corrupt-body load.after-error'

lab 'vmferry vfio check /dev/vfio/$A --yes --timeout 3s --json /tmp/r.json \
	>/dev/null; rc=$?; cat /tmp/r.json; [ $rc -eq 1 ]'
cp "$dir/out" "$dir/r.json"
[ "$rc" -eq 0 ] && [ "$(jq -r '[.checks[] | select(.result == "fail" or
	.result == "differs") | .check] | join(" ")' "$dir/r.json")" = "$found" ]
result $? "check finds in mtty what it should"
documented
result $? "as documented"
is '.device.backend == "kernel" and .device.p2p and .device.precopy and
	.device.stream_bytes == 96 and .counts.pass >= 80'
result $? "states, flags and 96 bytes of state"

lab 'vmferry vfio check /dev/vfio/$A --yes --hang-risk --timeout 2s \
	--only reset.reopen >/tmp/a; a=$?
	vmferry vfio check /dev/vfio/$B --yes --only arcs --only stream >/tmp/b
	echo $a $?; cat /tmp/a'
[ "$(head -n 1 <<<"$out")" = "1 0" ] && grep -q "the kernel's log" "$dir/out"
result $? "a driver that kills its caller: found, and the other device is well"

lab --iommu 'vmferry vfio check /dev/vfio/$P --yes; echo $?'
grep -qx 77 "$dir/out" && grep -q "no migration" "$dir/out"
result $? "edu: no migration, nothing to check"
lab --iommu 'vmferry vfio transfer --from /dev/vfio/$A --to /dev/vfio/$B \
	--json /tmp/r.json >/dev/null; echo $?
	vmferry vfio transfer --from /dev/vfio/$P --to /dev/vfio/$B; echo $?'
echo "# transfer: ${out//$'\n'/; }"
[ "$(head -n 1 <<<"$out")" = 0 ] && [ "$(tail -n 1 <<<"$out")" != 0 ]
result $? "transfer from mdev to mdev; from edu it cannot be"
finish
