#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# VMX and the enlightened VMCS against real KVM, without an Intel CPU: Bochs, which
# emulates VMX, boots a Debian kernel with kvm_intel, and the mini VMM runs in it.
# usage: vmx.sh VMFERRY CHECK_RESULT SCHEMA [KERNELS]
# KERNELS keeps what was fetched: kernels (KERNELS/bochs-6.1, ...), isolinux.
# shellcheck disable=SC2016 # jq has its own $
set -u
vmferry=$1
check_result=$2
schema=$(dirname "$3")/cycles.schema.json
kept=${4:-${XDG_CACHE_HOME:-$HOME/.cache}/vmferry-lab}/bochs
here=$(dirname "$(readlink -f "$0")")
share=/usr/share/bochs
dir=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; rm -rf "$dir"' EXIT

cannot()
{
	echo "1..0 # SKIP $1"
	exit 77
}

for tool in bochs xorriso apt-get dpkg-deb xz gzip jq; do
	command -v "$tool" >/dev/null || cannot "needs $tool"
done
for file in BIOS-bochs-latest VGABIOS-lgpl-latest; do
	[ -r "$share/$file" ] || cannot "needs bochsbios and vgabios"
done

# fetch SERIES - a kernel's package, the loader and busybox, once.
fetch()
{
	local pattern package

	[ ! -e "$kept/$1/whole" ] || return 0
	pattern="^linux-image-${1/./\\.}\\.[^ ]*-cloud-amd64-unsigned\$"
	package=$(apt-cache pkgnames linux-image-6 | grep "$pattern" |
		sort -V | tail -n 1)
	[ -n "$package" ] || return 1
	mkdir -p "$kept/$1"
	(
		cd "$kept/$1" || exit
		apt-get -q -o APT::Sandbox::User=root download "$package" \
			isolinux syslinux-common busybox-static \
			>/dev/null 2>&1 || exit
		for deb in ./*.deb; do
			dpkg-deb -x "$deb" . || exit
		done
		rm -f ./*.deb
		touch whole
	)
}

# The disk: kernel, modules, vmferry, and a command whose output is a file's.
make_disk()
{
	local from=$kept/$1 root=$dir/root module file library

	rm -rf "$root" "$dir/iso"
	mkdir -p "$root"/{bin,dev,proc,sys,tmp,modules} "$dir/iso/isolinux"
	cp "$from/bin/busybox" "$root/bin/"
	for library in sh mount insmod poweroff mkdir cat sleep; do
		ln -s busybox "$root/bin/$library"
	done
	for module in irqbypass kvm kvm-intel; do
		file=$(find "$from/lib/modules" -name "$module.ko*")
		case $file in
		*.xz) xz -dc "$file" >"$root/modules/$module.ko" ;;
		*) cp "$file" "$root/modules/$module.ko" ;;
		esac
	done
	cp "$vmferry" "$root/bin/vmferry"
	for library in $(ldd "$vmferry" 2>/dev/null | grep -o '/[^ )]*'); do
		mkdir -p "$root/${library%/*}"
		cp -L "$library" "$root/$library"
	done
	cp "$here/vmx_init" "$root/init"
	chmod +x "$root/init"
	(cd "$root" && find . | "$from/bin/busybox" cpio -o -H newc \
		2>/dev/null | gzip -1) >"$dir/iso/initrd"
	cp "$from"/boot/vmlinuz-* "$dir/iso/vmlinuz"
	cp "$from/usr/lib/ISOLINUX/isolinux.bin" \
		"$from/usr/lib/syslinux/modules/bios/ldlinux.c32" \
		"$dir/iso/isolinux/"
	cat >"$dir/iso/isolinux/isolinux.cfg" <<END
default lab
label lab
 kernel /vmlinuz
 append initrd=/initrd console=ttyS0 quiet panic=-1 mitigations=off nokaslr tsc=reliable no_timer_check cryptomgr.notests random.trust_cpu=on audit=0 rcupdate.rcu_expedited=1 lpj=10000000 8250.nr_uarts=2 i8042.noaux i8042.nokbd
END
	xorriso -as mkisofs -quiet -o "$dir/disk.iso" \
		-b isolinux/isolinux.bin -no-emul-boot -boot-load-size 4 \
		-boot-info-table "$dir/iso" 2>/dev/null
}

# Boots it and waits for the end, at most 400 s.
run_bochs()
{
	local i

	: >"$dir/out"
	cat >"$dir/config" <<END
display_library: rfb, options="timeout=0"
memory: guest=512, host=512
romimage: file=$share/BIOS-bochs-latest
vgaromimage: file=$share/VGABIOS-lgpl-latest
cpu: model=corei7_haswell_4770, count=1, ips=100000000
clock: sync=none, time0=utc
ata0-master: type=cdrom, path="$dir/disk.iso", status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$dir/console
com2: enabled=1, mode=file, dev=$dir/out
log: $dir/log
panic: action=fatal
END
	echo c >"$dir/continue"
	env -u MALLOC_PERTURB_ bochs -q -f "$dir/config" -rc "$dir/continue" \
		</dev/null >/dev/null 2>&1 &
	pid=$!
	for ((i = 0; i < 400; i++)); do
		grep -q '^lab-exit-code' "$dir/out" && break
		kill -0 "$pid" 2>/dev/null || break
		sleep 1
	done
	kill "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	pid=
	tr -d '\r' <"$dir/out" | sed '/^lab-exit-code/d' >"$dir/r.json"
	grep -q '^lab-exit-code 0' "$dir/out"
}

nr=0
failed=0
result()
{
	nr=$((nr + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $nr - $2"
	else
		echo "not ok $nr - $2"
		failed=1
	fi
}

is()
{
	jq -e "$1" "$dir/r.json" >/dev/null
}

# Instructions of L0's path, least of many: the emulation repeats exactly.
# within VARIANT MIN MAX
within()
{
	is "[.nested[0].variants[] | select(.variant == \"$1\") | .probes[] |
		select(.probe == \"cpuid\") | .min_ticks][0] |
		. >= $2 and . <= $3"
}

for series in 6.1 6.12; do
	fetch "$series" || cannot "the $series kernel's package cannot be had"
	make_disk "$series"
	run_bochs
	rc=$?
	[ $rc -eq 0 ] || tail -n 20 "$dir/console" | sed 's/^/# /'
	result $rc "kernel $series: it runs"
	"$check_result" "$schema" "$dir/r.json" >/dev/null
	result $? "kernel $series: the schema's keys"
	is '.verdict == "pass" and .nested[0].backend == "vmx" and
		([.nested[0].variants[] | select(.proof == "pass")] |
			length) >= 8 and
		all(.nested[0].variants[]; .proof == "pass" or
			.variant == "evmcs-direct-flush")'
	result $? "kernel $series: each variant has its effect"
	is 'all(.nested[0].variants[] | select(.proof == "pass");
		.l0_exits_per_l2_exit >= 1.9 and
		.l0_exits_per_l2_exit <= 2.1)'
	result $? "kernel $series: two exits of L0 for each of L2"
	case $series in
	6.1)
		within msr-bitmap 12600 15400 && within evmcs 12100 14850 &&
			within evmcs-never-clean 12500 15300 &&
			within evmcs-msr-bitmap 11300 13850
		result $? "kernel $series: the reference, within 10 %"
		;;
	6.12)
		is '[.nested[0].variants[] |
			select(.variant == "evmcs-direct-flush")][0].proof ==
			"pass"'
		result $? "kernel $series: L2's flushes do not reach L1"
		;;
	esac
	is '[.nested[0].variants[] | {(.variant): ([.probes[] |
		select(.probe == "cpuid") | .min_ticks][0])}] | add |
		."evmcs-msr-bitmap" < .evmcs and .evmcs < ."evmcs-never-clean"
		and .evmcs < ."msr-bitmap"'
	result $? "kernel $series: each enlightenment saves something"
done
echo "1..$nr"
exit $failed
