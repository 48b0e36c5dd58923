#!/bin/bash
# SPDX-License-Identifier: MIT
# Does the guest come up from the ISO in Bochs, a third implementation of the
# architecture and of a BIOS, and work there?
# With bochs-vmx: does it work as a hypervisor on VMX, which Bochs has and QEMU
# has not?
# usage: bochs.sh GUEST_ELF bochs|bochs-vmx ISO
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
iso=$3
bios=/usr/share/bochs/BIOS-bochs-latest
vga=/usr/share/bochs/VGABIOS-lgpl-latest

case $machine in
bochs-vmx) cpu=corei7_haswell_4770 ;;
*) cpu=corei7_sandy_bridge_2600k ;;
esac

command -v bochs >/dev/null || skip "no bochs"
if [ ! -r "$bios" ] || [ ! -r "$vga" ]; then
	skip "no bochsbios or vgabios"
fi

# connect PORT: the guest's console; false as long as nobody listens there.
connect() {
	{ exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null && exec 4<&3
}

port=$((20000 + RANDOM % 20000))
cat >"$dir/config" <<END
display_library: rfb, options="timeout=0"
memory: guest=128, host=128
romimage: file=$bios
vgaromimage: file=$vga
cpu: model=$cpu, count=1, ips=100000000
clock: sync=none
ata0-master: type=cdrom, path="$iso", status=inserted
boot: cdrom
com1: enabled=1, mode=socket-server, dev=127.0.0.1:$port
log: $dir/log
panic: action=fatal
END
# Debian's build has a debugger, which wants to be told to go on.
echo c >"$dir/continue"
begin=$EPOCHREALTIME
# Meson fills fresh memory with a pattern; Bochs 2.7 relies on zeros.
env -u MALLOC_PERTURB_ bochs -q -f "$dir/config" -rc "$dir/continue" </dev/null >"$dir/out" \
	2>"$dir/stderr" &
qemu_pid=$!
for ((i = 0; i < 100; i++)); do
	connect "$port" && break
	kill -0 "$qemu_pid" 2>/dev/null || fail "bochs: $(tail -n 3 "$dir/out")"
	sleep 0.1
done

# Nobody has told it anything: it starts a small workload by itself.
expect "event ready"
is door bios
works() {
	expect "event stats"
	is bad 0
	say stop
	say verify
	is pages 4096
	is bad 0
	say "start wss=8M rate=5M write=page content=r:3"
	expect "event filled"
	say "state plant"
	say "state check"
	is differing 0
	say stop
	say verify
	is bad 0
}

# nested VARIANT PROBE EXITS: of 50 in L2, so many reach L1.
nested() {
	say "cycles nested=$1 probe=$2 rounds=50"
	is rounds 50
	is l1_exits "$3"
}

# All that needs no Hyper-V; each variant is proved by its effect.
virtualizes() {
	local variant

	expect "event stats"
	say stop
	say "cycles nested=list"
	is nested vmx
	for variant in plain msr-bitmap two; do
		say "cycles nested=$variant"
		is proof pass
	done
	say "cycles nested=evmcs"
	case $line in
	*" skip=no Hyper-V"*) ;;
	*) fail "an enlightened VMCS without Hyper-V: $line" ;;
	esac
	nested plain cpuid 50
	nested two cpuid 50
	nested plain rdmsr_passed 50
	nested msr-bitmap rdmsr_passed 0
	nested plain port_in_uart 0
	nested plain mmio_nobody 0
	for variant in vmread vmwrite_other vmptrld vmclear; do
		say "cycles probe=$variant rounds=50"
		is rounds 50
	done
	# L1 is what it was: ring 3, its ports, its registers.
	say "cycles probe=port_in_uart ring=3 rounds=50"
	is rounds 50
	say "start wss=8M rate=5M write=page content=r:3"
	expect "event filled"
	say "state plant"
	say "state check"
	is differing 0
	say stop
	say verify
	is bad 0
}

if [ "$machine" = bochs-vmx ]; then
	virtualizes
else
	works
fi
power_off
awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f s\n", b - a }'
