#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What must stand in every file, what must not, and how large things may be.
# usage: words.sh [GUEST_ELF]
set -eu
elf=${1:+$(realpath "$1")}
# shellcheck source=tests/style/files.sh
. "$(dirname "$0")/files.sh"

failed=0
fail()
{
	echo "$1"
	failed=1
}

mapfile -t files < <(tree_files '*')

# Open ends, and paths of somebody's machine. The brackets keep this file out.
open_ends='\b(TOD[O]|FIXM[E]|XX[X])\b'
machine_paths='(^|[^A-Za-z0-9_.])/(hom[e]|wor[k]|far[m]|roo[t]|User[s])/'
if grep -nIE "$open_ends|$machine_paths" "${files[@]}"; then
	fail "open ends or machine paths stand above"
fi
if grep -nIE '[[:blank:]]+$' "${files[@]}"; then
	fail "blanks end the lines above"
fi

for f in "${files[@]}"; do
	case $f in
	*.c | *.h | *.asm | *.S | *.ld | *.lds | *.sh | *.py | Makefile | \
		*meson.build | meson_options.txt | .ci/*)
		[ ! -s "$f" ] || head -n 3 "$f" | grep -q 'SPDX-License-Identifier: MIT' ||
			fail "$f: no SPDX line in its first three" ;;
	esac
	case $f in
	*.c | *.h)
		lines=$(wc -l <"$f")
		[ "$lines" -le 400 ] ||
			fail "$f: $lines lines: two things in one file?" ;;
	esac
done

# The promise of docs/design.md: a guest image within 64 KiB.
if [ -n "$elf" ]; then
	bytes=$(stat -c %s "$elf")
	[ "$bytes" -le 65536 ] ||
		fail "$(basename "$elf") has $bytes bytes; 65536 are allowed"
fi
exit $failed
