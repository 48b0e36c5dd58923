# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# A guest in QEMU to talk to: boot, say, expect, monitor. Sourced.
# usage of the tests: TEST GUEST_ELF MACHINE(microvm|q35) [ACCOUNT]

# shellcheck disable=SC2034 # account: not every test has one
elf=$1 machine=$2 account=${3-}
dir=$(mktemp -d)
qemu_pid=
line=

cleanup() {
	[ -z "$qemu_pid" ] || kill "$qemu_pid" 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT

skip() {
	echo "skip: $*"
	exit 77
}

fail() {
	echo "FAIL: $*"
	exit 1
}

# boot CPUS MIB [COMMAND LINE]
boot() {
	local options

	command -v qemu-system-x86_64 >/dev/null || skip "no qemu-system-x86_64"
	case $machine in
	microvm)
		[ -w /dev/kvm ] || skip "no /dev/kvm"
		options="-M microvm -accel kvm -cpu qemu64,check=off"
		;;
	q35)
		options="-M q35 -accel tcg -cpu max"
		;;
	esac
	mkfifo "$dir/serial.in" "$dir/serial.out" "$dir/mon.in" "$dir/mon.out"
	# shellcheck disable=SC2086
	qemu-system-x86_64 $options -m "$2" -smp "$1" -nodefaults \
		-no-user-config -display none -no-reboot \
		-device isa-debug-exit,iobase=0x501,iosize=1 \
		-chardev pipe,id=serial,path="$dir/serial" -serial chardev:serial \
		-chardev pipe,id=mon,path="$dir/mon" \
		-mon chardev=mon,mode=readline \
		-kernel "$elf" ${3:+-append "$3"} 2>"$dir/stderr" &
	qemu_pid=$!
	exec 3<>"$dir/serial.in" 4<>"$dir/serial.out"
	exec 5<>"$dir/mon.in" 6<>"$dir/mon.out"
}

# expect PATTERN: read lines until one begins with it; the line is in $line.
expect() {
	while IFS= read -r -t 60 line <&4; do
		echo "< $line"
		case $line in
		"$1"*) return 0 ;;
		"error "* | "event panic"*) break ;;
		esac
	done
	fail "expected '$1', got '$line'; $(cat "$dir/stderr")"
}

# say LINE [PATTERN]: send a line and expect an answer ("ok" by default).
say() {
	echo "> $1"
	echo "$1" >&3
	expect "${2-ok}"
}

# value KEY: from the last line.
value() {
	local word

	for word in $line; do
		case $word in
		"$1="*)
			echo "${word#*=}"
			return
			;;
		esac
	done
	fail "no $1 in '$line'"
}

# is KEY VALUE: in the last line.
is() {
	[ "$(value "$1")" = "$2" ] || fail "$1 is not $2 in '$line'"
}

# monitor COMMAND: QEMU's monitor; returns when it has been carried out: the
# sum that is asked for next has been printed.
turn=0
monitor() {
	local answer

	turn=$((turn + 1))
	printf '%s\nprint /d 1000000 + %d\n' "$1" "$turn" >&5
	while IFS= read -r -t 60 answer <&6; do
		case $answer in
		*"$((1000000 + turn))"*) return ;;
		esac
	done
	fail "no answer from QEMU's monitor"
}

power_off() {
	say poweroff
	wait "$qemu_pid"
	qemu_pid=
}
