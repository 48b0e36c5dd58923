#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does QEMU get the same guest, the same checks and the same result?
# shellcheck disable=SC2034 # lib.sh looks at it
needs_kvm=no
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

if ! command -v qemu-system-x86_64 >/dev/null; then
	echo "1..0 # SKIP no qemu-system-x86_64"
	exit 0
fi
machines=('--accel tcg --machine q35')
modes=('')
kinds=(flip)
[ ! -w /dev/kvm ] || machines+=('--accel kvm --machine microvm')
if [ "$level" = all ]; then
	machines+=('--accel tcg --machine pc')
	[ ! -w /dev/kvm ] || machines+=('--accel kvm --machine q35')
	kinds=(flip zero misplace tear stale)
	cap=--qemu-capability par=--qemu-parameter
	modes+=(
		"$cap multifd=on $par multifd-channels=2"
		"$cap multifd=on $par multifd-channels=2 $par multifd-compression=zlib"
		"$cap multifd=on $par multifd-channels=2 $par multifd-compression=zstd"
		"$cap xbzrle=on"
		"$cap compress=on $par compress-wait-thread=off $par compress-threads=2"
	)
fi
common='--vmm qemu --ram 256M --before 300ms --after 300ms'

for machine in "${machines[@]}"; do
	for mode in "${modes[@]}"; do
		good=0
		# shellcheck disable=SC2086 # words
		run_again migrate $common $machine $mode --json "$dir/r.json" \
			--workload rate=20M,wss=32M,content=r:4
		[ "$rc" -eq 0 ] || good=1
		is '.verdict == "pass"' || good=1
		is '.samples[0] | .integrity.coverage_pct == 100 and
			.wire_bytes > 1e6 and .vcpu_state.differing == []' ||
			good=1
		case $mode in
		*zlib* | *zstd*)
			is '.samples[0].vantage.sent_bytes | .vmm > 2 * .wire' ||
				good=1
			is '.samples[0].vantage.disagreements |
				any(test("multifd counts"))' || good=1
			;;
		esac
		documented || good=1
		clean || good=1
		result $good "${machine#* } ${machine%% --m*} ${mode:-plain}"
	done
	for kind in "${kinds[@]}"; do
		good=0
		# shellcheck disable=SC2086 # words
		run_again migrate $common $machine --sabotage "$kind:2" \
			--json "$dir/r.json" --before 700ms --after 700ms \
			--workload rate=50M,wss=48M
		[ "$rc" -eq 1 ] || good=1
		is '.samples[0].sabotage | .found == 2 and .missed == [] and
			.wrong_class == [] and .invented == []' || good=1
		documented || good=1
		clean || good=1
		result $good "$machine, sabotage $kind"
	done
done

# refused PATTERN ARG... - usage errors of this machine
refused()
{
	local pattern=$1 good=0

	shift
	run migrate "$@"
	[ "$rc" -eq 2 ] || good=1
	[ "$(wc -l <"$dir/err")" -eq 1 ] || good=1
	grep -q -- "$pattern" "$dir/err" || good=1
	clean || good=1
	result $good "2: $* ($err)"
}

refused 'unsupported machine type' --vmm qemu --machine toaster
refused 'unable to find CPU model' --vmm qemu --accel tcg --cpu abacus
refused 'does not accept value' --vmm qemu --accel tcg \
	--qemu-capability teleport=on --ram 64M
refused 'takes NAME=VALUE' --vmm qemu --qemu-parameter x
refused 'for --vmm qemu' --vmm mini --qemu-capability xbzrle=on
refused 'for --vmm mini' --vmm qemu --sabotage skip-dirty
refused 'has no versions' --vmm qemu --machine microvm --machine-version 7.2
run migrate --vmm qemu --qemu-binary /nonexistent/qemu
[ "$rc" -eq 77 ] && grep -q 'cannot execute' "$dir/err" && clean
result $? "77 without a QEMU ($err)"
finish
