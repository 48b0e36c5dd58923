#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Boots on hostile boot data: does the guest carry on, or say what is wrong?
# Each must end in one of the two, never in silence.
#
# The mini VMM's boot faults, then what QEMU lets one spoil. A machine whose
# sentence has come is ended: nothing waits for a time to pass.
# shellcheck disable=SC2034 # lib.sh looks at it
needs_kvm=no
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

patience=60
words='autostart=on wss=4M rate=20M duration=200ms poweroff=on'
good='event result pass '
no_acpi='event warning there is no ACPI root pointer'
cut='event warning the command line is too long: its end is ignored'
no_ram='event panic cpu=0 the boot information lists no RAM'
names=() wants=() commands=()

# boots NAME WANTED COMMAND... - WANTED: parts of what it says, parted by |; the
# last one begins the line that ends the wait.
boots()
{
	names+=("$1")
	wants+=("$2")
	shift 2
	commands+=("$(printf '%q ' "$@")")
}

# run_boot NR - leaves what the guest said in bad.NR.out, and how it ended.
run_boot()
{
	local last=${wants[$1]##*|} line pid deadline=$((SECONDS + patience))

	# shellcheck disable=SC2086 # quoted by boots
	eval "exec 7< <(exec ${commands[$1]} </dev/null 2>&1)"
	pid=$!
	while IFS= read -r -t $((deadline - SECONDS)) line <&7; do
		printf '%s\n' "$line"
		[[ $line != "$last"* ]] || break
		[ "$SECONDS" -lt "$deadline" ] || break
	done | tr -d '\r\000\033' >"$dir/bad.$1.out"
	kill "$pid" 2>/dev/null
	exec 7<&-
}

report_boot()
{
	local list=${wants[$1]} want rc=0

	cp "$dir/bad.$1.out" "$dir/err"
	while [ "$list" ]; do
		want=${list%%|*}
		# A console line may follow what firmware left on its line.
		grep -aqF -- "$want" "$dir/err" || rc=1
		[[ $list == *'|'* ]] || break
		list=${list#*|}
	done
	result $rc "${names[$1]}: ${wants[$1]}"
}

# fault KIND WANTED - the mini VMM's guest.
fault()
{
	boots "mini VMM, $1" "$2" "$vmferry" vmm --ram 32M --serial stdio \
		--boot-fault "$1" --append "$words"
}

# qemu NAME WANTED OPTION...
qemu()
{
	boots "QEMU, $1" "$2" qemu-system-x86_64 -accel tcg -m 64 -nodefaults \
		-no-user-config -display none -no-reboot -serial stdio \
		-device isa-debug-exit,iobase=0x501,iosize=1 "${@:3}"
}

x()
{
	printf "%$1s" '' | tr ' ' x
}

if [ -w /dev/kvm ]; then
	fault bare "$no_acpi| ram=33554432 |$good"
	# All but the 18 pages that somebody else claims.
	fault e820-overlap "$no_acpi| ram=33480704 |$good"
	fault e820-zero "$no_acpi| ram=33554432 |$good"
	fault e820-wrap "$no_acpi| ram=33554432 |$good"
	fault e820-many "event warning ram has too many ranges: some are left out|$good"
	fault e820-none "$no_ram"
	fault e820-far "$no_ram"
	fault cmdline-64k "$cut|$good"
	fault cmdline-far "$no_acpi|event ready "
	fault rsdp-broken "event warning the ACPI root table is damaged|$good"
	fault rsdp-far "$no_acpi|$good"
	fault madt-broken "event warning the MADT is damaged|$good"
	fault smbios-broken "event warning the SMBIOS table is damaged|$good"
	fault smbios-far "event warning the SMBIOS table is out of reach|$good"
	fault modules-far "$no_acpi|$good"
fi
if command -v qemu-system-x86_64 >/dev/null; then
	# To be found by a search: it ends the build directory's way.
	build=$(dirname "$vmferry")/../..
	elf=$build/guest/guest.elf efi=$build/guest/boot/BOOTX64.EFI
	ovmf=/usr/share/ovmf/OVMF.fd
	# OEM strings without an end, and fewer of them than they say.
	printf '\x0b\x05\x00\x10\x01vmferry:wss=16M' >"$dir/bad.endless"
	printf '\x0b\x05\x00\x10\x09vmferry:seed=7\0\0' >"$dir/bad.fewer"
	qemu "microvm, a command line of 8 KiB" "$cut|$good" -M microvm \
		-cpu max -kernel "$elf" -append "$words $(x 8192)"
	qemu "microvm, a command line of 60 KiB" "$cut|$good" -M microvm \
		-cpu max -kernel "$elf" -append "$words $(x 61440)"
	for machine in pc q35; do
		qemu "$machine, a command line of 4000 bytes" "$cut|$good" \
			-M $machine -cpu max -kernel "$elf" \
			-append "$words $(x 3900)"
		# Its option ROM has room for 4096: behind lies the memory map.
		# With far more it overwrites itself, and no guest is reached.
		qemu "$machine, a command line of 8 KiB" "$no_ram" -M $machine \
			-cpu max -kernel "$elf" -append "$words $(x 8192)"
		qemu "$machine, no local APIC" \
			"event panic cpu=0 this vcpu has no local APIC" \
			-M $machine -cpu max,-apic -kernel "$elf"
	done
	qemu "microvm, no ACPI" "$no_acpi|$good" -M microvm,acpi=off -cpu max \
		-kernel "$elf" -append "$words"
	qemu "q35, SMBIOS strings without an end" \
		"event warning the SMBIOS table is damaged|$good" -M q35 \
		-cpu max -kernel "$elf" -append "$words" \
		-smbios "file=$dir/bad.endless"
	qemu "pc, fewer SMBIOS strings than it says" "$good" -M pc -cpu max \
		-kernel "$elf" -append "$words" -smbios "file=$dir/bad.fewer"
	if [ -r $ovmf ]; then
		qemu "UEFI, no ACPI" "$no_acpi|$good" -M q35,acpi=off -cpu max \
			-bios $ovmf -kernel "$efi" -append "$words"
		[ "$level" != all ] || {
			qemu "UEFI, SMBIOS strings without an end" \
				"event warning the SMBIOS table is damaged|$good" \
				-M q35 -cpu max -bios $ovmf -kernel "$efi" \
				-append "$words" -smbios "file=$dir/bad.endless"
			qemu "UEFI, load options of 60 KiB" "$cut|$good" \
				-M q35 -cpu max -bios $ovmf -kernel "$efi" \
				-append "$words $(x 61440)"
		}
	fi
fi

running=0
for ((i = 0; i < ${#names[@]}; i++)); do
	if [ "$running" -ge 3 ]; then
		wait -n
		running=$((running - 1))
	fi
	run_boot "$i" &
	running=$((running + 1))
done
wait
for ((i = 0; i < ${#names[@]}; i++)); do
	report_boot "$i"
done

run vmm --boot-fault nonsense
good=0
[ "$rc" -eq 2 ] && grep -q "knows no 'nonsense'" "$dir/err" || good=1
result $good "2: $err"
run vmm --boot-fault list
good=0
[ "$rc" -eq 0 ] && [ "$(grep -c . "$dir/out")" -ge 15 ] || good=1
result $good "--boot-fault list"
clean
result $? "nothing is left"
finish
