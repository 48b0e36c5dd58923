#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Has each exit probe figures or a reason, whatever the VMM, and is what it
# says sensible?
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

refused "not for cycles" --workload rate=1M
refused "for --accel tcg" --icount
refused "the mini VMM has no feature" --ab x
refused "each once" --vmm qemu --ab x,x
refused "numbers of CPUs" --pin 0,x
refused "cannot run on CPU 1023" --pin 1023 --only empty
refused "no probe of that name" --only nonsense
refused "no probe of that name" --only 'cpuid2,cpui'

refused "goes with --nested" --variant plain
refused "neither with --ab" --nested --list
refused "names of variants" --nested --variant ,

# Where guests can virtualize: each variant proved, or its reason.
run cycles --vmm mini --nested --rounds 100 --json "$dir/r.json"
case $rc in
77) grep -q "lets no guest virtualize" "$dir/err" ;;
0) documented && is 'all(.nested[0].variants[]; .proof == "pass" or .skipped)' ;;
*) false ;;
esac
result $? "a guest of the guest, or why not ($err)"

run cycles --dry-run --only 'a,b*' --pin 0,1
[ "$rc" -eq 0 ] && jq -e '.only == ["a", "b*"] and .pin == [0, 1] and
	.cpus == 2 and .repeat == 1' "$dir/out" >/dev/null
result $? "the resolved configuration"

# complete - each probe has ordered figures, or a reason.
complete()
{
	is 'all(.samples[].probes[]; if .skipped then (.skipped != "" and
		.ticks == null) else (.rounds > 0 and
		.ticks.min <= .ticks.p50 and .ticks.p50 <= .ticks.p90 and
		.ticks.p90 <= .ticks.p99 and .ticks.p99 <= .ticks.max and
		(.histogram.count | add) == .rounds and
		(.histogram.count | length) ==
			(.histogram.from_ticks | length)) end)'
}

run cycles --rounds 100 --repeat 1 --pin 0,1 --json "$dir/r.json"
[ "$rc" -eq 0 ] && complete && documented &&
	is '.verdict == "pass" and (.probes | length) > 35 and
		.samples[0].pinned_vcpus == 2 and .samples[0].boots == 1' &&
	is '[.probes[] | select(.skipped and
		(.probe | test("^(vm|hv_)") | not))] | length < 3' &&
	is '.level == "L1" or .level == "L2"' &&
	is '.ticks_are == "of the TSC"'
result $? "the mini VMM: figures or a reason, the schema's keys ($err)"
is '[.samples[0].probes[] | select(.ring == 3) | {(.probe): .ns.p50}] | add |
	.empty <= .pause and .port_in_pic < .port_in_uart and
	.mmio_ioapic < .mmio_nobody'
result $? "the kernel answers sooner than the VMM"

run cycles --rounds 20 --vcpus 1 --only 'ipi*,cpuid' --json "$dir/r.json"
[ "$rc" -eq 0 ] && complete && documented &&
	is '[.probes[] | select(.skipped) | .skipped] |
		unique == ["no other vcpu"]' &&
	is '.warnings | any(startswith("ipi_halted in ring 0: skipped"))'
result $? "one vCPU: a skipped probe changes no verdict ($err)"
run cycles --vcpus 1 --only ipi_halted --json "$dir/r.json"
[ "$rc" -eq 77 ] && is '.verdict == "skip"' && documented
result $? "nothing at all can run ($err)"

run cycles --rounds 50 --only cpuid,stuck,pause --watchdog 1s \
	--json "$dir/r.json"
[ "$rc" -eq 0 ] && complete && documented &&
	is '.samples[0].boots == 2' &&
	is '[.samples[0].probes[] | select(.broke) | .probe] == ["stuck"]' &&
	is '[.samples[0].probes[] | select(.rounds == 50)] | length == 4'
result $? "a probe that never ends stops no other ($err)"

run cycles --list --json -
[ "$rc" -eq 0 ] && jq -e '.verdict == "pass"' "$dir/out" >/dev/null &&
	grep -q '^cpuid  *ring 3$' "$dir/err"
result $? "the list"

if ! command -v qemu-system-x86_64 >/dev/null; then
	clean
	result $? "nothing left"
	finish
	exit
fi

# instructions FILE - the least of each probe.
instructions()
{
	jq -c '.probes[] | [.probe, .ring, .figures["ticks.min"].min]' "$1"
}

for i in 1 2; do
	run cycles --vmm qemu --accel tcg --icount --vcpus 1 --rounds 40 \
		--json "$dir/r.json"
	[ "$rc" -eq 0 ] && complete && documented &&
		is '.ticks_are == "instructions, emulated" and
			.level == "L1"'
	result $? "TCG, counting instructions, run $i ($err)"
	mv "$dir/r.json" "$dir/r$i.json"
done
[ "$(instructions "$dir/r1.json")" = "$(instructions "$dir/r2.json")" ]
result $? "two runs are the same to the bit"

run cycles --vmm qemu --rounds 40 --repeat 1 --ab=-x2apic,no-such \
	--only cpuid,self_ipi --json "$dir/r.json"
[ "$rc" -eq 0 ] && complete && documented &&
	is '[.samples[].variant] == ["base", "-x2apic"]' &&
	is '(.ab | length) == 3 and all(.ab[]; .n == 1)' &&
	is '[.features[] | select(.skipped)] | length == 1'
result $? "a feature beside none, and one that is not there ($err)"

if [ "$level" = all ]; then
	run cycles --vmm qemu --accel kvm --json "$dir/r.json"
	[ "$rc" -eq 0 ] && complete && documented
	result $? "QEMU with KVM ($err)"
	run cycles --vmm qemu --ab=-x2apic --only cpuid,self_ipi \
		--json "$dir/r.json"
	[ "$rc" -eq 0 ] && documented &&
		is '.ab[] | select(.probe == "self_ipi") | .n == 6 and
			.ci95_low_ns > 0'
	result $? "without x2APIC an interrupt costs more ($err)"
fi
clean
result $? "nothing left"
finish
