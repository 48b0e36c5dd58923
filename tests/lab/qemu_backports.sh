#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does the newer QEMU of Debian's backports pass, on both sides and as the
# target of Debian 12's own? It is unpacked privately; nothing is installed.
# shellcheck disable=SC2034 # lib.sh looks at it
needs_kvm=no
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"

skip()
{
	echo "1..0 # SKIP $*"
	exit 0
}

# Below $dir, with lists of its own: apt's are left alone.
fetch()
{
	local apt=(apt-get -q -o "Dir::Etc::sourcelist=$dir/bad-list"
		-o Dir::Etc::sourceparts=/dev/null
		-o "Dir::State::lists=$dir/bad-lists"
		-o "Dir::Cache=$dir/bad-cache" -o APT::Sandbox::User=root)
	local mirror

	mirror=$(sed -n 's/^\(URIs: \|deb \(\[.*\] \)\?\)\(http[^ ]*\/debian\)\/\? *.*$/\3/p' \
		/etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
		head -n 1)
	[ -n "$mirror" ] || return
	mkdir -p "$dir/bad-lists/partial" "$dir/bad-cache/archives/partial" \
		"$dir/bad-debs"
	echo "deb $mirror bookworm-backports main" >"$dir/bad-list"
	"${apt[@]}" update >&2 || return
	(cd "$dir/bad-debs" && for p in x86 common data; do
		"${apt[@]}" download "qemu-system-$p" >&2 || exit
	done) || return
	for p in "$dir"/bad-debs/*.deb; do
		dpkg -x "$p" "$dir/bad-root" || return
	done
}

command -v apt-get dpkg qemu-system-x86_64 >/dev/null ||
	skip "no apt, dpkg or qemu-system-x86_64"
fetch 2>"$dir/err" || skip "backports cannot be had: $(tail -n 1 "$dir/err")"
new=$dir/bad-root/usr/bin/qemu-system-x86_64
"$new" --version >/dev/null 2>&1 || skip "$new does not start"
echo "# $("$new" --version | head -n 1)"

# passes NAME ARG...
passes()
{
	local name=$1 good=0

	shift
	run migrate --vmm qemu --ram 256M --before 300ms --after 300ms \
		--workload rate=20M,wss=32M --json "$dir/r.json" "$@"
	[ "$rc" -eq 0 ] || good=1
	is '.verdict == "pass"' || good=1
	result $good "$name"
}

passes "both sides, tcg q35" --qemu-binary "$new" --accel tcg --machine q35
passes "7.2 -> newer, tcg q35" --qemu-target "$new" --accel tcg \
	--machine q35 --machine-version 7.2
passes "multifd, both sides" --qemu-binary "$new" --accel tcg --machine q35 \
	--qemu-capability multifd=on --qemu-parameter multifd-channels=2
if [ -w /dev/kvm ]; then
	passes "both sides, kvm microvm" --qemu-binary "$new" --accel kvm
	passes "7.2 -> newer, kvm q35" --qemu-target "$new" --accel kvm \
		--machine q35 --machine-version 7.2
fi
finish
