#!/bin/sh
# SPDX-License-Identifier: MIT
# The image to ship: stripped, and marked as what it is, position independent.
# ld calls a PIE that is linked at an address ET_EXEC.
# usage: finish.sh OBJCOPY IN OUT
set -e
"$1" --strip-all "$2" "$3"
# e_type, a little-endian half word at offset 16: ET_DYN.
printf '\003\000' | dd of="$3" bs=1 seek=16 conv=notrunc status=none
