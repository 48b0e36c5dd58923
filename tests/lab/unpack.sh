# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# For kernel.sh and mtty.sh: a bzImage's ELF. Leaves `payload` behind.

# number OFFSET BYTES FILE - a little-endian number.
number()
{
	od -An "-tu$2" -j "$1" -N "$2" "$3" | tr -d ' '
}

# The ELF that the bzImage has packed. Source: Linux, Documentation/arch/x86/
# boot.rst: setup_sects, payload_offset, payload_length. Behind the payload's
# last byte but four lies its length.
unpack_vmlinux()
{
	local image=$1 start bytes

	start=$((($(number $((0x1f1)) 1 "$image") + 1) * 512 +
		$(number $((0x248)) 4 "$image")))
	bytes=$(($(number $((0x24c)) 4 "$image") - 4))
	tail -c +$((start + 1)) "$image" | head -c "$bytes" >payload
	case $(od -An -tx1 -N4 payload | tr -d ' ') in
	02214c18) lz4 -q -d -c payload ;;
	28b52ffd) zstd -q -d -c payload ;;
	fd377a58) xz -d -c payload ;;
	*) return 1 ;;
	esac
}
