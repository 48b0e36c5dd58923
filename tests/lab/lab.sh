#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs a command in a Linux with real KVM (kvm-amd, nested, with Hyper-V
# enlightenments) that QEMU emulates, on any machine.
# usage: lab.sh [OPTION...] VMFERRY 'SHELL COMMAND'
#   VMFERRY          is /bin/vmferry there, with the libraries that it needs
#   --kernel 6.1|6.12|mtty   mtty: VFIO instead of KVM, two mdevs that migrate
#   --iommu          with an IOMMU, and a PCI device behind it (edu)
#   --icount         deterministic to the bit: its TSC counts instructions, one
#                    a nanosecond; one CPU
#   --seconds N      at most that long (default 150)
#   --memory MIB     (default 768)
#   --file FILE      also there, as /its-name; may be repeated
#   --with-qemu      a QEMU is there too, as qemu-system-x86_64
#   --kept FOLDER    for unpacked kernels (default ~/.cache/vmferry-lab)
#   --qemu BINARY
# stdout: what the command said; stderr: the console, if something went wrong.
# Exit code: the command's; 77: no kernel package; 99: the lab itself failed.
set -u
here=$(dirname "$(readlink -f "$0")")
kernel=6.1
seconds=150
memory=768
qemu='qemu-system-x86_64'
kept=${XDG_CACHE_HOME:-$HOME/.cache}/vmferry-lab
files=()
programs=()
machine=(-accel tcg -smp 2)
devices=()
more=
while [ $# -gt 0 ]; do
	case $1 in
	--kernel) kernel=$2 ;;
	--seconds) seconds=$2 ;;
	--memory) memory=$2 ;;
	--file) files+=("$2") ;;
	--kept) kept=$2 ;;
	--qemu) qemu=$2 ;;
	--iommu)
		devices=(-device 'intel-iommu,intremap=on' -device edu)
		more=' intel_iommu=on'
		shift
		continue
		;;
	--with-qemu)
		programs+=("$(command -v qemu-system-x86_64)")
		shift
		continue
		;;
	--icount)
		machine=(-accel 'tcg,thread=single' -smp 1 -seed 42
			-icount 'shift=0,sleep=off'
			-rtc 'base=2024-01-01T00:00:00,clock=vm')
		shift
		continue
		;;
	-*)
		echo "lab.sh: no option is called $1" >&2
		exit 2
		;;
	*) break ;;
	esac
	shift 2
done
if [ $# -ne 2 ]; then
	echo "usage: lab.sh [OPTION...] VMFERRY 'SHELL COMMAND'" >&2
	exit 2
fi

case $kernel in
mtty) bash "$here/mtty.sh" "$kept/mtty" || exit ;;
*) bash "$here/kernel.sh" "$kernel" "$kept/$kernel" || exit ;;
esac
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$dir/root/bin"
cp "$1" "$dir/root/bin/vmferry" || exit 99
for program in "${programs[@]}"; do
	# It looks for its files from where it lies.
	mkdir -p "$dir/root/usr/bin"
	cp "$program" "$dir/root/usr/bin/" || exit 99
	# What it boots a guest with.
	for file in /usr/share/qemu/*.bin /usr/share/qemu/*.rom \
		/usr/share/seabios/*.bin; do
		mkdir -p "$dir/root/${file%/*}"
		cp -L "$file" "$dir/root/$file" 2>/dev/null
	done
done
for library in $(ldd "$1" "${programs[@]}" 2>/dev/null |
	grep -o '/[^ ):]*' | grep -vx -e "$1" | sort -u); do
	case $library in
	*.so*) ;;
	*) continue ;;
	esac
	mkdir -p "$dir/root/${library%/*}"
	cp -L "$library" "$dir/root/$library" || exit 99
done
for file in "${files[@]}"; do
	cp "$file" "$dir/root/" || exit 99
done
printf '%s\n' "$2" >"$dir/root/command"
# The same bytes give the same run: no times, and no inode numbers of ours, whose
# digits the kernel reads one by one.
find "$dir/root" -exec touch -d @0 {} +
(cd "$dir/root" && find . | LC_ALL=C sort |
	"$kept/$kernel/busybox" cpio -o -H newc -R 0:0 --renumber-inodes \
		--ignore-devno) >"$dir/own.cpio" 2>/dev/null
cat "$kept/$kernel/base.cpio" "$dir/own.cpio" >"$dir/initrd" || exit 99

# For a fast boot, and the same one each time.
line='console=ttyS0 panic=-1 quiet mitigations=off nokaslr norandmaps
 tsc=reliable no_timer_check cryptomgr.notests random.trust_cpu=on audit=0
 rcupdate.rcu_expedited=1 lpj=10000000 8250.nr_uarts=2 i8042.noaux i8042.nokbd'
timeout --foreground "$seconds" "$qemu" -M q35 -cpu EPYC,-avx -m "$memory" \
	"${machine[@]}" "${devices[@]}" -nodefaults -display none -no-reboot \
	-kernel "$kept/$kernel/vmlinux" -initrd "$dir/initrd" \
	-append "$(echo "$line$more" | tr -d '\n')" \
	-serial "file:$dir/console" -serial "file:$dir/said" </dev/null \
	>"$dir/qemu" 2>&1
rc=$?
sed '/^lab-exit-code /d' "$dir/said"
code=$(sed -n 's/^lab-exit-code \([0-9]*\).*/\1/p' "$dir/said" | tail -n 1)
if [ -z "$code" ]; then
	[ "$rc" -ne 124 ] || echo "lab.sh: not done after $seconds s" >&2
	tail -n 40 "$dir/console" "$dir/qemu" >&2
	exit 99
fi
[ "$code" -eq 0 ] || tail -n 40 "$dir/console" >&2
exit "$code"
