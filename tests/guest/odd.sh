#!/bin/bash
# SPDX-License-Identifier: MIT
# Machines that lack something, and boot data that makes no sense: does the
# guest carry on, or say what is wrong?
# usage: odd.sh GUEST_ELF q35 ACCOUNT ISO
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
iso=$4

# start QEMU_OPTION... - a machine with its monitor, and a console unless an
# option takes that away.
start() {
	rm -f "$dir"/serial.* "$dir"/mon.*
	mkfifo "$dir/serial.in" "$dir/serial.out" "$dir/mon.in" "$dir/mon.out"
	qemu-system-x86_64 -accel tcg -m 128 -nodefaults -no-user-config \
		-display none -no-reboot \
		-device isa-debug-exit,iobase=0x501,iosize=1 \
		-chardev pipe,id=mon,path="$dir/mon" \
		-mon chardev=mon,mode=readline "$@" 2>"$dir/stderr" &
	qemu_pid=$!
	exec 3<>"$dir/serial.in" 4<>"$dir/serial.out"
	exec 5<>"$dir/mon.in" 6<>"$dir/mon.out"
}

finish() {
	kill "$qemu_pid"
	wait "$qemu_pid"
	qemu_pid=
}

command -v qemu-system-x86_64 >/dev/null || skip "no qemu-system-x86_64"
serial="-chardev pipe,id=serial,path=$dir/serial -serial chardev:serial"

echo "# no ACPI"
# shellcheck disable=SC2086 # words
start -machine microvm,acpi=off -cpu max -smp 2 $serial -kernel "$elf"
expect "event warning there is no ACPI root pointer"
expect "event ready"
is vcpus 1
power_off

echo "# no local APIC"
# shellcheck disable=SC2086
start -machine q35 -cpu max,-apic $serial -kernel "$elf"
while IFS= read -r -t 60 line <&4; do
	case $line in
	"event panic "*) break ;;
	esac
done
[ "$line" = "event panic cpu=0 this vcpu has no local APIC" ] ||
	fail "got '$line'"
finish

echo "# a command line of 60 KiB, its first words count"
long=$(printf 'seed=7 %60000s' '' | tr ' ' x)
# shellcheck disable=SC2086
start -machine microvm -cpu max $serial -kernel "$elf" -append "cpus=1 $long"
expect "event warning the command line is too long"
expect "event ready"
power_off

echo "# OEM strings and fw_cfg: the first source that has a key wins"
# shellcheck disable=SC2086
start -machine pc -cpu max $serial -cdrom "$iso" \
	-smbios "type=11,value=vmferry:wss=8M stop=on,value=other:wss=1M" \
	-fw_cfg name=opt/vmferry/wss,string=16M \
	-fw_cfg name=opt/vmferry/rate,string=x \
	-fw_cfg name=opt/vmferry/autostart,string=on
expect "event ready"
is door bios
expect "event warning boot key rate does not fit"
expect "event filled"
is pages 2048
power_off

echo "# no serial port: the result lies in the control area"
start -machine q35 -cpu max -cdrom "$iso" \
	-fw_cfg name=opt/vmferry/duration,string=1s
anchor=0x$(nm "$elf.debug" | sed -n 's/ [A-Za-z] abi_anchor$//p')
for ((i = 0; i < 60; i++)); do
	sleep 0.5
	monitor stop
	monitor "pmemsave $anchor 24 \"$dir/anchor\""
	control=$(od -An -t u8 -j 8 -N 8 "$dir/anchor" | tr -d ' ')
	if [ "$control" -ne 0 ]; then
		monitor "pmemsave 0 0x8000000 \"$dir/ram\""
		line=$("$account" "$dir/ram" "$control" "$elf")
		case $line in
		*" result=1 "*) break ;;
		esac
	fi
	monitor cont
done
echo "$line"
is result 1
is state 6
is result_pages 4096
is result_bad 0
[ "$(value result_steps)" -gt 0 ] || fail "no steps"
finish
