#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The boot matrix: does the guest come up through every door, work for a while,
# and is then every byte of its memory what it must be?
#
# One cell more at a time than there are CPUs, since most of a cell's time is
# waiting. Each line says how long its guest took to be ready and the cell as a
# whole; the last one, how long all cells took, and under which load.
# shellcheck disable=SC2034 # lib.sh looks at it
needs_kvm=no
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

duration=500ms
[ "$level" != all ] || duration=2s
names=() cells=()

# cell NAME ARG... - one cell, to be run by run_cells.
cell()
{
	names+=("$1")
	shift
	cells+=("$*")
}

# skip_cell NAME REASON
skip_cell()
{
	names+=("$1")
	cells+=("skip $2")
}

# run_cell NR - in a subshell; leaves its files in $dir/rNR.json and bad.NR.*
run_cell()
{
	local begin=$EPOCHREALTIME
	# shellcheck disable=SC2086 # words
	"$vmferry" boot ${cells[$1]} --duration "$duration" --verify \
		--command verify --json "$dir/r$1.json" >"$dir/bad.$1.out" \
		2>"$dir/bad.$1.err" </dev/null
	echo "$? $begin $EPOCHREALTIME" >"$dir/bad.$1.end"
}

run_cells()
{
	local i running=0 jobs

	jobs=$(($(nproc) + 1))
	[ "$jobs" -le 8 ] || jobs=8
	for ((i = 0; i < ${#cells[@]}; i++)); do
		case ${cells[i]} in
		skip*) continue ;;
		esac
		if [ "$running" -ge "$jobs" ]; then
			wait -n
			running=$((running - 1))
		fi
		run_cell "$i" &
		running=$((running + 1))
	done
	wait
}

report_cell()
{
	local good=0 code begin end ready

	case ${cells[$1]} in
	skip*)
		case_nr=$((case_nr + 1))
		echo "ok $case_nr - ${names[$1]} # SKIP ${cells[$1]#skip }"
		return
		;;
	esac
	read -r code begin end <"$dir/bad.$1.end"
	if [ "$code" -eq 77 ]; then
		case_nr=$((case_nr + 1))
		echo "ok $case_nr - ${names[$1]} # SKIP $(head -n 1 "$dir/bad.$1.err")"
		return
	fi
	cp "$dir/bad.$1.err" "$dir/err"
	cp "$dir/r$1.json" "$dir/r.json" 2>/dev/null || : >"$dir/r.json"
	[ "$code" -eq 0 ] || good=1
	is '.verdict == "pass"' || good=1
	is '.samples[0] | .steps > 0 and .bad == 0 and .coverage_pct == 100' ||
		good=1
	is '.samples[0].reply | test("pages=[0-9]+ bad=0 ")' || good=1
	ready=$(jq -r '.samples[0].boot_ready_ms / 1000' "$dir/r.json" 2>/dev/null)
	result $good "$(LC_ALL=C awk -v n="${names[$1]}" -v r="${ready:-0}" \
		-v b="$begin" -v e="$end" \
		'BEGIN { printf "%-38s ready %6.2f s, in all %5.1f s", n, r, e - b }')"
}

work='--workload rate=20M,wss=32M'
have_kvm=no hardware_kvm=no
[ ! -w /dev/kvm ] || have_kvm=yes
! grep -qwE 'vmx|svm' /proc/cpuinfo || hardware_kvm=$have_kvm
have_qemu=yes
command -v qemu-system-x86_64 >/dev/null || have_qemu=no

# qemu_cell FIRMWARE MEDIA MACHINE ACCEL CPUS RAM
qemu_cell()
{
	local name="$1 $2 $3 $4, $5 vCPUs, $6"

	if [ "$have_qemu" = no ]; then
		skip_cell "$name" "no qemu-system-x86_64"
	elif [ "$4" = kvm ] && [ "$have_kvm" = no ]; then
		skip_cell "$name" "no usable /dev/kvm"
	elif [ "$4" = kvm ] && [ "$1" = uefi ] && [ "$hardware_kvm" = no ]; then
		skip_cell "$name" "OVMF needs a KVM with the CPU's help"
	else
		cell "$name" --vmm qemu --firmware "$1" --media "$2" \
			--machine "$3" --accel "$4" --cpus "$5" --ram "$6" "$work"
	fi
}

mini_cell()
{
	if [ "$have_kvm" = no ]; then
		skip_cell "mini VMM, $1 vCPUs, $2" "no usable /dev/kvm"
	else
		cell "mini VMM, $1 vCPUs, $2" --vmm mini --cpus "$1" --ram "$2" "$work"
	fi
}

if [ "$level" = all ]; then
	for cpus in 1 2 8; do
		for accel in tcg kvm; do
			for machine in microvm pc q35; do
				qemu_cell pvh kernel $machine $accel $cpus 256M
			done
			for machine in pc q35; do
				for media in iso usb; do
					qemu_cell bios $media $machine $accel $cpus 256M
				done
				for media in iso usb efi; do
					qemu_cell uefi $media $machine $accel $cpus 256M
				done
			done
		done
		mini_cell $cpus 256M
	done
	mini_cell 64 512M
	for ram in 128M 3G 5G; do
		qemu_cell pvh kernel q35 tcg 2 $ram
		qemu_cell bios iso pc tcg 2 $ram
		qemu_cell uefi iso q35 tcg 2 $ram
		mini_cell 2 $ram
	done
	# Page tables past the first 512 GiB. QEMU's TCG has 40 address bits,
	# which only microvm does not check.
	mini_cell 2 512G
	mini_cell 2 1T
	qemu_cell pvh kernel microvm tcg 2 1T
else
	mini_cell 1 128M
	mini_cell 8 256M
	mini_cell 2 520G
	qemu_cell pvh kernel microvm kvm 2 256M
	qemu_cell pvh kernel q35 tcg 2 5G
	qemu_cell bios iso q35 tcg 8 256M
	qemu_cell bios usb pc tcg 1 128M
	qemu_cell uefi iso q35 tcg 2 256M
	qemu_cell uefi efi pc tcg 1 3G
fi
begin=$SECONDS
run_cells
whole="# all cells: $((SECONDS - begin)) s, load $(cut -d ' ' -f 1 /proc/loadavg)"
for ((i = 0; i < ${#cells[@]}; i++)); do
	report_cell "$i"
done
echo "$whole"

# migrates FIRMWARE ARG... - the guest that firmware has started, migrated.
migrates()
{
	local good=0

	if [ "$have_qemu" = no ]; then
		return
	fi
	run_again migrate --vmm qemu --firmware "$@" --ram 256M --before 300ms \
		--after 300ms --workload rate=20M,wss=32M --json "$dir/r.json"
	[ "$rc" -ne 77 ] || return
	[ "$rc" -eq 0 ] || good=1
	is '.verdict == "pass" and .samples[0].integrity.coverage_pct == 100' ||
		good=1
	documented || good=1
	result $good "migrate --firmware $*"
}
migrates bios --accel tcg --cpus 2
[ "$level" != all ] || migrates uefi --accel tcg --cpus 2

# refused PATTERN ARG... - usage errors.
refused()
{
	local pattern=$1 good=0

	shift
	run boot "$@"
	[ "$rc" -eq 2 ] || good=1
	grep -q -- "$pattern" "$dir/err" || good=1
	result $good "2: $* ($err)"
}
refused 'does not boot --media iso' --vmm qemu --media iso
refused 'does not boot --media efi' --firmware bios --media efi
refused 'does not boot --media kernel' --firmware bios --media kernel
refused 'has no disks' --firmware bios --machine microvm
refused 'firmware is for --vmm qemu' --vmm mini --firmware bios
refused 'for --firmware pvh' --firmware bios --kernel "$vmferry"
clean
result $? "nothing is left"
finish
