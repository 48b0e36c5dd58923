#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does the doctor see what is there, and what is not, and stay within its word?
# shellcheck disable=SC2034 # lib.sh reads it
needs_kvm=no
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

jq=$(command -v jq) || { echo "1..0 # SKIP no jq"; exit 0; }
jq() { "$jq" "$@"; }

# state NAME STATE - of a row in the result.
state()
{
	is ".checks | any(.name == \"$1\" and .state == \"$2\")"
}

# without PATH_VALUE ARG... - as run, with another PATH for vmferry only.
without()
{
	local path=$1

	shift
	PATH=$path "$vmferry" "$@" >"$dir/out" 2>"$dir/err" </dev/null
	rc=$?
	out=$(cat "$dir/out")
	err=$(cat "$dir/err")
}

mkdir "$dir/bin"
without "$dir/bin" doctor --kvm-path /nonexistent --json "$dir/r.json"
[ "$rc" -eq 77 ] && is '.verdict == "skip"' && state kvm.device absent &&
	state qemu.binary absent && is '.usable == {mini: false, qemu: false}'
result $? "neither KVM nor QEMU: exit 77, both named absent ($err)"
[ "$(wc -l <"$dir/err")" -eq 1 ] && grep -q 'neither KVM nor a QEMU' "$dir/err"
result $? "one sentence says so"
is '.qemus == [] and all(.checks[]; .name | startswith("qemu.kvm") | not)'
result $? "no row about a QEMU that is not there"

touch "$dir/bin/not-kvm"
without "$dir/bin" doctor --kvm-path "$dir/bin/not-kvm" --json "$dir/r.json"
[ "$rc" -eq 77 ] && is '.checks | any(.name == "kvm.device" and
	(.value | test("API version")))'
result $? "a file that is no KVM device is told as such"

printf '#!/bin/sh\necho "this is no QEMU: error: bad day" >&2\nexit 1\n' \
	>"$dir/bin/liar"
chmod +x "$dir/bin/liar"
without "$dir/bin" doctor --kvm-path /nonexistent --qemu-binary liar \
	--json "$dir/r.json"
[ "$rc" -eq 77 ] && state qemu.tcg problem &&
	is '.checks | any(.name == "qemu.tcg" and (.value | test("bad day")))'
result $? "a QEMU that dies: its last words are the finding"

without "$dir/bin" doctor --qemu-binary /nonexistent --kvm-path /nonexistent \
	--json "$dir/r.json"
[ "$rc" -eq 77 ] && state qemu.named problem
result $? "a QEMU named and not there is a problem"

run doctor --json "$dir/r.json"
case $rc in
0) is '.verdict == "pass" and (.usable.mini or .usable.qemu)' ;;
77) is '.verdict == "skip"' ;;
*) false ;;
esac
result $? "this host: verdict and exit code agree ($rc)"
is '(.checks | length) > 40 and
	([.checks[].name] | length == (unique | length)) and
	all(.checks[]; (.name | test("^[a-z0-9]+\\.[A-Za-z0-9_]+$")) and
		(.state | IN("ok", "note", "problem", "absent")) and
		(.value | length > 0) and
		((.state != "problem" and .state != "note") or .advice != null))'
result $? "every row has a name of its own, a state, a finding, and advice if bad"
is '.context.noise | (.grade | test("^[A-F]$")) and .max_gap_us > 0 and
	(.reason | length > 0) and .span_s > 0.1'
result $? "the noise has a grade"
is '.samples[0].clear | .first_bytes_per_s > 1e6 and
	.mapped_bytes_per_s > .again_bytes_per_s'
result $? "clearing mapped memory is faster than mapping it"
is '. as $r | [.context.noise | to_entries[] | select(.value == null).key] |
	all(.[]; . as $k | any($r.warnings[]; contains($k + " is null:")))'
result $? "each null has its reason"

if [ -r /dev/kvm ] && [ -w /dev/kvm ]; then
	state kvm.device ok && state kvm.mini_vmm ok && is '.usable.mini'
	result $? "with KVM the mini VMM runs"
	run migrate --ram 64M --workload wss=16M,rate=10M --json "$dir/r.json"
	[ "$rc" -eq 0 ] && is '.context.noise.grade | test("^[A-F]$")' &&
		is '.context.noise | has("max_gap_us") | not' &&
		grep -q '^Noise: grade [A-F] (' "$dir/out"
	result $? "a migration's result has the noise too"
fi
if command -v qemu-system-x86_64 >/dev/null; then
	run doctor --json "$dir/r.json"
	state qemu.tcg ok && is '.qemus[0].accelerators.tcg and
		(.qemus[0].migrate_capabilities | index("multifd") != null) and
		(.qemus[0].machines.q35.tcg)'
	result $? "QEMU: version, capabilities, machines by trying"
fi
! pgrep -f "$dir/bin" >/dev/null && rm -r "$dir/bin" && clean
result $? "nothing is left behind"
finish
